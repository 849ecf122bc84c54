import { SourceError } from '../error.ts'
import type { Credentials } from './credentials/credential.ts'
import type { Shared } from './credentials/shared.ts'
import type { ProxyOf } from './proxy.ts'

/** Where the API server is, and how it is talked to. */
export interface ApiServer {
  /** Without credentials and query. */
  readonly url: URL
  /** Other API servers of the same cluster, which are asked when that one cannot be; none unless given. */
  readonly others?: readonly URL[]
  /** PEM of the authorities; those of the system count when it is absent. */
  readonly ca?: Shared<Buffer>
  /** The name that the server's certificate must have, when it is not that of the URL. */
  readonly serverName?: string
  /** The server's certificate is not checked. */
  readonly isInsecure?: boolean
  /** Lists are not asked for in gzip. */
  readonly isUncompressed?: boolean
  /** Absent when no proxy is used. */
  readonly proxy?: ProxyOf
  /** The client's certificate; one that `credentials` give counts before it. */
  readonly certificate?: Credentials
  /** Absent for an anonymous client, and for one that only has a certificate. */
  readonly credentials?: Credentials
  /** Impersonation, for example; on each request. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
}

/** @throws SourceError with SOURCE_SYNTAX; `origin` is where the text stands. */
export function serverUrl(text: string, origin: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url === undefined || !isHttp || url.username !== '' || url.password !== '' || url.search !== '') {
    throw new SourceError('SOURCE_SYNTAX', origin, 'the server must be a URL such as https://10.0.0.1:6443')
  }
  return url
}
