import { ApiSource } from '../sources/api/api-source.ts'
import { LocalSource } from '../sources/api/local-source.ts'
import { agentOptions } from './agent-options.ts'
import { fileSource } from './file-source.ts'
import { kubeSource } from './kube-source.ts'
import type { RawOptions } from './options.ts'
import { type Run, sinkPipelines } from './sink-pipelines.ts'
import { apiTarget, type SourceFactory } from './source-factory.ts'
import { toApi } from './to-api.ts'
import { fromCluster, toNft } from './to-nft.ts'

/** Every source with every sink, by the words of its command. */
export const PIPELINES: Readonly<Record<string, Run>> = {
  'file to-local to-nft': async (raw) => {
    const options = agentOptions(raw)
    return toNft(raw, options, fromCluster(options.nodeName, fileSource(raw, !options.once)))
  },
  'kube to-local to-nft': async (raw) => {
    const options = agentOptions(raw)
    return toNft(raw, options, fromCluster(options.nodeName, await kubeSource(raw, options.nodeName)))
  },
  'api to-local to-nft': async (raw) => {
    const options = agentOptions(raw)
    return toNft(raw, options, fromCluster(options.nodeName, apiSource(raw)))
  },
  'local to-nft': async (raw) => {
    const options = agentOptions(raw)
    const { nodeName } = options
    const target = apiTarget(raw)
    return toNft(raw, options, (onProblem) => {
      const source = new LocalSource({ target, nodeName, onProblem })
      return { source, state: source }
    })
  },
  'file to-api': async (raw) => toApi(raw, fileSource(raw, true)),
  'kube to-api': async (raw) => toApi(raw, await kubeSource(raw, undefined)),
  'api to-api': async (raw) => toApi(raw, apiSource(raw)),
  ...sinkPipelines({ file: (raw) => fileSource(raw, raw.once !== true), kube: kubeSource, api: apiSource }),
}

/** The source `api`: the global API of another Sluice or KPNG. @throws UsageError, GrpcError */
function apiSource(raw: RawOptions): SourceFactory {
  const target = apiTarget(raw)
  return (store, onProblem) => new ApiSource({ store, target, onProblem })
}
