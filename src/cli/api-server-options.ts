import { type GrpcAddress, isPrivate } from '../grpc/address.ts'
import { readTls, type TlsOptions } from '../grpc/tls.ts'
import { addressOption } from './api-target.ts'
import { UsageError } from './failure.ts'
import type { RawOptions } from './options.ts'

/** The options of an API server, checked. */
export interface ApiServerOptions {
  readonly address: GrpcAddress
  /** undefined: no TLS. */
  readonly tls: TlsOptions | undefined
  readonly localApi: boolean
  readonly globalApi: boolean
  /** Any client that can reach it may connect, and that is not only this host's. */
  readonly isOpen: boolean
  /** Whose Services nodes are to serve; empty for those that name no proxy. */
  readonly proxyName: string
}

/** @throws UsageError; GrpcError when a key or certificate cannot be used */
export function apiServerOptions(raw: RawOptions): ApiServerOptions {
  const address = addressOption('--listen', raw.listen ?? '')
  const { listenTlsKey: key, listenTlsCrt: crt, listenTlsCa: ca } = raw
  const tls = readTls({ key, crt, ca }, '--listen-tls-')
  if (tls !== undefined && tls.cert === undefined) {
    throw new UsageError('--listen-tls-ca: a server needs a certificate, too: --listen-tls-crt and --listen-tls-key')
  }
  const isOpen = !isPrivate(address) && tls?.ca === undefined
  if (isOpen && raw.listenInsecure !== true) {
    throw new UsageError(
      `--listen: "${raw.listen ?? ''}" can be reached from other machines, and any client could read all Services there; ` +
        'give --listen-tls-ca so that clients need a certificate, or --listen-insecure',
    )
  }
  const localApi = flagValue('--local-api', raw.localApi)
  const globalApi = flagValue('--globalv1-api', raw.globalv1Api)
  if (!localApi && !globalApi) throw new UsageError('--local-api and --globalv1-api: one of them must be served')
  return { address, tls, localApi, globalApi, isOpen, proxyName: raw.serviceProxyName ?? '' }
}

/** As Go's flags take it. @throws UsageError */
function flagValue(flag: string, value: string | boolean | undefined): boolean {
  if (value === undefined || value === true || value === 'true' || value === '1') return true
  if (value === false || value === 'false' || value === '0') return false
  throw new UsageError(`${flag}: "${value}" must be true or false`)
}
