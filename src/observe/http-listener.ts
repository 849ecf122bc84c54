import { createServer, type Server } from 'node:http'
import type { ListenOptions } from 'node:net'

/** - `LISTEN_FAILED`: an address and port cannot be listened on; see the errno. */
export type ListenErrorCode = 'LISTEN_FAILED'

export class ListenError extends Error {
  readonly code: ListenErrorCode
  /** `EADDRINUSE`, `EADDRNOTAVAIL` ...; empty when there is none. */
  readonly errno: string

  constructor(message: string, errno: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ListenError'
    this.code = 'LISTEN_FAILED'
    this.errno = errno
  }
}

/** An address to listen on. */
export interface BindAddress {
  /** Without brackets. Empty: every address of both families, or of IPv4 alone on a host without IPv6. */
  readonly host: string
  /** 1 to 65535; 0 lets the kernel choose. */
  readonly port: number
}

/** What is asked, without the body. */
export interface HttpQuestion {
  readonly method: string
  /** Without the query. */
  readonly path: string
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface HttpListener {
  /** The port that it listens on. */
  readonly port: number
  /** Stops listening and ends every connection. */
  close(): Promise<void>
}

/** What answers questions; a failure is answered with status 500. */
export type AnswerHttp = (question: HttpQuestion) => HttpAnswer | Promise<HttpAnswer>

/** Opens a listener; tests inject their own. @throws ListenError */
export type ListenHttp = (address: BindAddress, answer: AnswerHttp) => Promise<HttpListener>

/** Nobody has much to ask here, and whoever asks slowly must not hold a connection for long. Milliseconds. */
const PATIENCE = { requestTimeout: 10_000, headersTimeout: 10_000, connectionsCheckingInterval: 5000 } as const

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EADDRNOTAVAIL: 'this host does not have the address',
  EACCES: 'not permitted',
  EAFNOSUPPORT: 'this host does not have the address family',
}

/** Answers small questions over HTTP; an IPv6 address that is not empty is for IPv6 alone. */
export const listenHttp: ListenHttp = async (address, answer) => {
  const server = createServer(PATIENCE, (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    void safely(answer, { method: request.method ?? '', path }).then(({ status, headers, body }) => {
      response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
    })
  })
  const { host, port } = address
  try {
    await openServer(server, host === '' ? { port } : { host, port, ipv6Only: host.includes(':') })
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? ''
    const reason = REASONS[errno] ?? String(error)
    throw new ListenError(`cannot listen on ${addressText(address)}: ${reason}`, errno, error)
  }
  const bound = server.address()
  return {
    port: bound !== null && typeof bound === 'object' ? bound.port : port,
    close: async () => closeServer(server),
  }
}

/** Never rejects. */
async function safely(answer: AnswerHttp, question: HttpQuestion): Promise<HttpAnswer> {
  try {
    return await answer(question)
  } catch (error) {
    const headers = { 'Content-Type': 'text/plain; charset=utf-8' }
    return { status: 500, headers, body: `${error instanceof Error ? error.message : String(error)}\n` }
  }
}

/** `HOST:PORT`, with brackets about an IPv6 address, and `*` for every address. */
export function addressText({ host, port }: BindAddress): string {
  if (host === '') return `*:${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** @throws what `listen` fails with, an ErrnoException */
export async function openServer(server: Server, options: ListenOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      // A connection that cannot be accepted later must not end the process.
      server.on('error', () => {})
      resolve()
    })
  })
}

/** Stops listening and ends every connection. */
export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve()
    })
    server.closeAllConnections()
  })
}
