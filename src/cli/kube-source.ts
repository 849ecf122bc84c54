import { isSourceError } from '../sources/error.ts'
import { type ApiServer, serverUrl } from '../sources/kube/api-server.ts'
import { inCluster } from '../sources/kube/in-cluster.ts'
import { KubeSource } from '../sources/kube/kube-source.ts'
import { readKubeconfig } from '../sources/kube/kubeconfig.ts'
import { UsageError } from './failure.ts'
import type { RawOptions } from './options.ts'
import type { SourceFactory } from './source-factory.ts'

/**
 * The source `kube`.
 *
 * @param nodeName the only Node that is read; undefined for all of them
 * @throws UsageError when nothing says where the API server is; SourceError when what says so cannot be used
 */
export async function kubeSource(raw: RawOptions, nodeName: string | undefined): Promise<SourceFactory> {
  const server = await apiServer(raw, process.env)
  return (store, onProblem) => new KubeSource({ store, server, nodeName, onProblem })
}

/** @throws UsageError when nothing says where it is; SourceError when what says so cannot be used. */
async function apiServer({ kubeconfig, server }: RawOptions, environment: NodeJS.ProcessEnv): Promise<ApiServer> {
  const url = server === undefined ? {} : { url: urlOption(server) }
  if (kubeconfig !== undefined) return { ...(await readKubeconfig(kubeconfig)), ...url }
  if (url.url !== undefined) return url
  const found = await inCluster(environment)
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
