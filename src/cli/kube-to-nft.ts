import { isSourceError } from '../sources/error.ts'
import { type ApiServer, serverUrl } from '../sources/kube/api-server.ts'
import { findApiServer } from '../sources/kube/find-api-server.ts'
import { KubeSource } from '../sources/kube/kube-source.ts'
import { agentOptions } from './agent-options.ts'
import type { ExitCode } from './exit-codes.ts'
import { UsageError } from './failure.ts'
import type { RawOptions } from './options.ts'
import { toNft } from './to-nft.ts'

/** `sluice kube to-local to-nft`. */
export async function kubeToNft(raw: RawOptions): Promise<ExitCode> {
  const options = agentOptions(raw)
  const server = await apiServer(raw, process.env)
  const { nodeName } = options
  return toNft(raw, options, (store, onProblem) => new KubeSource({ store, server, nodeName, onProblem }))
}

/** @throws UsageError when nothing says where it is; SourceError when what says so cannot be used. */
async function apiServer(raw: RawOptions, environment: NodeJS.ProcessEnv): Promise<ApiServer> {
  const { kubeconfig, context, tlsServerName } = raw
  const servers = (raw.server ?? []).map(urlOption)
  const found = await findApiServer({ servers, kubeconfig, context, tlsServerName, environment })
  if (found !== undefined) return found
  throw new UsageError('--kubeconfig: give a kubeconfig or --server, since this is no pod of a cluster')
}

/** @throws UsageError */
function urlOption(text: string): URL {
  try {
    return serverUrl(text, '--server')
  } catch (error) {
    throw isSourceError(error) ? new UsageError(error.message) : error
  }
}
