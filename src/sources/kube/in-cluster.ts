import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { readError } from '../error.ts'
import { type ApiServer, serverUrl, tokenFile } from './api-server.ts'

/** Where kubelet puts the service account of a pod. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * The API server as a pod knows it.
 *
 * @returns undefined outside of a cluster.
 * @throws SourceError when the service account cannot be read.
 */
export async function inCluster(
  environment: NodeJS.ProcessEnv,
  directory: string = SERVICE_ACCOUNT,
): Promise<ApiServer | undefined> {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = environment
  if (host === '' || port === '') return undefined
  const authority = path.join(directory, 'ca.crt')
  const ca = await readFile(authority).catch((error: unknown) => {
    throw readError(authority, error)
  })
  const url = serverUrl(`https://${host.includes(':') ? `[${host}]` : host}:${port}`, 'KUBERNETES_SERVICE_HOST')
  return { url, ca, token: tokenFile(path.join(directory, 'token')) }
}
