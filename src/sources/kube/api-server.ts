import { readFile } from 'node:fs/promises'
import { SourceError } from '../error.ts'

/** Where the API server is, and how it is talked to. */
export interface ApiServer {
  /** Without credentials and query. */
  readonly url: URL
  /** PEM; the system's authorities count when it is absent. */
  readonly ca?: Buffer
  /** PEM of the client's certificate and its key. */
  readonly cert?: Buffer
  readonly key?: Buffer
  /** The name that the server's certificate must have, when it is not that of the URL. */
  readonly serverName?: string
  /** The server's certificate is not checked. */
  readonly isInsecure?: boolean
  /** The bearer token at this moment. @throws SourceError with SOURCE_CREDENTIALS */
  readonly token?: () => Promise<string>
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

/** Reads the token anew each time: kubelet replaces it every hour. */
export function tokenFile(path: string): () => Promise<string> {
  return async () => {
    try {
      return (await readFile(path, 'utf8')).trim()
    } catch (error) {
      throw new SourceError('SOURCE_CREDENTIALS', path, 'the token cannot be read', error)
    }
  }
}
