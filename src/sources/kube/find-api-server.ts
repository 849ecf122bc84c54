import path from 'node:path'
import { SourceError } from '../error.ts'
import { type ApiServer, serverUrl } from './api-server.ts'
import { clusterUrl, SERVICE_ACCOUNT, serviceAccount } from './in-cluster.ts'
import { readKubeconfig } from './kubeconfig/kubeconfig.ts'
import { environmentProxy } from './proxy.ts'

/** What says where the API server is, and who we are there; docs/reference/api-server.md. */
export interface ApiServerOptions {
  /** `--server`: count before all else, the first before the others; empty unless given. */
  readonly servers: readonly URL[]
  /** `--kubeconfig`; undefined when it is not given. */
  readonly kubeconfig: string | undefined
  /** `--context`; undefined when it is not given. */
  readonly context: string | undefined
  /** `--tls-server-name`; undefined when it is not given. */
  readonly tlsServerName: string | undefined
  readonly environment: NodeJS.ProcessEnv
  /** Where a pod's service account is; the place where kubelet puts it unless given. */
  readonly serviceAccount?: string
}

/**
 * Finds the API server: the address by `--server`, `API_PUBLIC_ENDPOINT`, the kubeconfig, or the pod's environment, in this
 * order; and who we are there by the kubeconfig or the pod's service account, wherever the address came from.
 *
 * @returns undefined when nothing says where it is.
 * @throws SourceError when what says so cannot be used.
 */
export async function findApiServer(options: ApiServerOptions): Promise<ApiServer | undefined> {
  const urls = options.servers.length > 0 ? options.servers : publicEndpoint(options.environment)
  const known = (await fromKubeconfig(options)) ?? fromPod(options, urls[0])
  const server = at(urls, known)
  if (server === undefined) return undefined
  const { tlsServerName } = options
  const found = { ...server, ...(tlsServerName !== undefined && { serverName: tlsServerName }) }
  // What is missing or broken now is told at once, and not by a source that waits.
  await Promise.all([found.ca?.get(), found.certificate?.get()])
  return found
}

/** As nfproxy has it, for a node on which nobody serves the Service `kubernetes` yet. */
function publicEndpoint({ API_PUBLIC_ENDPOINT: text = '' }: NodeJS.ProcessEnv): readonly URL[] {
  return text === '' ? [] : text.split(',').map((url) => serverUrl(url.trim(), 'API_PUBLIC_ENDPOINT'))
}

/** A name that the kubeconfig gives is that of its own server, and of no other. */
function at([first, ...others]: readonly URL[], known: Partial<ApiServer>): ApiServer | undefined {
  const { url, serverName: _, ...rest } = known
  if (first !== undefined) return { ...rest, url: first, others }
  return url === undefined ? undefined : { ...known, url }
}

async function fromKubeconfig(options: ApiServerOptions): Promise<ApiServer | undefined> {
  const { kubeconfig, context, environment } = options
  const isGiven = kubeconfig !== undefined
  const files = isGiven ? [kubeconfig] : (environment['KUBECONFIG'] ?? '').split(path.delimiter).filter(Boolean)
  const found = await readKubeconfig({ files, mayBeMissing: !isGiven, context, environment })
  if (found !== undefined || context === undefined) return found
  throw new SourceError(
    'SOURCE_NOT_FOUND',
    '--context',
    `there is no kubeconfig that could have the context "${context}"`,
  )
}

/** A token never goes over a connection that is not encrypted, unless a kubeconfig says so. */
function fromPod(
  { environment, serviceAccount: directory = SERVICE_ACCOUNT }: ApiServerOptions,
  url: URL | undefined,
): Partial<ApiServer> {
  const proxy = environmentProxy(environment)
  const address = clusterUrl(environment)
  if (url?.protocol === 'http:') return { proxy }
  const account = serviceAccount(directory)
  if (account === undefined && address !== undefined && url === undefined) {
    throw new SourceError(
      'SOURCE_NOT_FOUND',
      directory,
      'the pod has no service account token; see automountServiceAccountToken',
    )
  }
  return { proxy, ...(address && { url: address }), ...account }
}
