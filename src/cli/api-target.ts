import { parseGrpcAddress } from '../grpc/address.ts'
import type { GrpcTarget } from '../grpc/client.ts'
import { isGrpcError } from '../grpc/error.ts'
import { readTls } from '../grpc/tls.ts'
import { UsageError } from './failure.ts'
import type { RawOptions } from './options.ts'

/** Where `--api` is, and how to speak with it. @throws UsageError, GrpcError when a key or certificate cannot be used */
export function apiTarget(raw: RawOptions): GrpcTarget {
  const tls = readTls(
    { key: raw.apiClientTlsKey, crt: raw.apiClientTlsCrt, ca: raw.apiClientTlsCa },
    '--api-client-tls-',
  )
  return { address: addressOption('--api', raw.api ?? ''), tls }
}

/** @throws UsageError that names the flag */
export function addressOption(flag: string, text: string) {
  try {
    return parseGrpcAddress(text)
  } catch (error) {
    throw isGrpcError(error) ? new UsageError(`${flag}: ${error.message}`) : error
  }
}
