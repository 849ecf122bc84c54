import { existsSync } from 'node:fs'
import path from 'node:path'
import { type ApiServer, serverUrl } from './api-server.ts'
import { authority, materialFile, tokenFile } from './credentials/credential.ts'

/** Where kubelet puts the service account of a pod. */
export const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/** A pod's identity, and how it knows the API server; both are read again when kubelet replaced them. */
export type ServiceAccount = Required<Pick<ApiServer, 'ca' | 'credentials'>>

/** The service account of the pod that this runs in; undefined elsewhere. */
export function serviceAccount(directory: string): ServiceAccount | undefined {
  const token = path.join(directory, 'token')
  if (!existsSync(token)) return undefined
  return { ca: authority(materialFile(path.join(directory, 'ca.crt'))), credentials: tokenFile(token) }
}

/** The Service `kubernetes` as a pod knows it; undefined elsewhere. @throws SourceError when the variables are no address. */
export function clusterUrl({
  KUBERNETES_SERVICE_HOST: host = '',
  KUBERNETES_SERVICE_PORT: port = '',
}: NodeJS.ProcessEnv): URL | undefined {
  if (host === '' || port === '') return undefined
  return serverUrl(`https://${host.includes(':') ? `[${host}]` : host}:${port}`, 'KUBERNETES_SERVICE_HOST')
}
