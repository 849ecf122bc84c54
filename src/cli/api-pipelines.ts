import { ApiSource } from '../sources/api/api-source.ts'
import { LocalSource } from '../sources/api/local-source.ts'
import { agentOptions } from './agent-options.ts'
import { apiTarget } from './api-target.ts'
import type { ExitCode } from './exit-codes.ts'
import type { RawOptions } from './options.ts'
import { toApi } from './to-api.ts'
import { fromCluster, type SourceFactory, toNft } from './to-nft.ts'

/** `sluice api to-local to-nft`. */
export async function apiToNft(raw: RawOptions): Promise<ExitCode> {
  const options = agentOptions(raw)
  return toNft(raw, options, { open: fromCluster(options, apiSource(raw)) })
}

/** `sluice local to-nft`. */
export async function localToNft(raw: RawOptions): Promise<ExitCode> {
  const options = agentOptions(raw)
  const { nodeName } = options
  const target = apiTarget(raw)
  return toNft(raw, options, {
    open: ({ onProblem }) => {
      const source = new LocalSource({ target, nodeName, onProblem })
      return { source, state: source }
    },
  })
}

/** `sluice api to-api`: a relay. */
export async function apiToApi(raw: RawOptions): Promise<ExitCode> {
  return toApi(raw, apiSource(raw))
}

/** The source `api`: the global API of another Sluice or KPNG. @throws UsageError, GrpcError */
export function apiSource(raw: RawOptions): SourceFactory {
  const target = apiTarget(raw)
  return (store, { onProblem }) => new ApiSource({ store, target, onProblem })
}
