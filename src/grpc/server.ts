import type {
  Http2SecureServer,
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import { type GrpcAddress, grpcAddressText } from './address.ts'
import { GrpcError } from './error.ts'
import { http2 } from './http2.ts'
import { refuse, ServerCall } from './server-call.ts'
import { GRPC_CONTENT_TYPE, GRPC_STATUS } from './status.ts'
import type { TlsOptions } from './tls.ts'
import { removeStaleSocket, withSocketMask } from './unix-socket.ts'

export interface GrpcServerOptions {
  readonly address: GrpcAddress
  /** With `ca`, clients need a certificate of it; without, any client may connect. Absent: no TLS. */
  readonly tls?: TlsOptions | undefined
  /** By path: `/PACKAGE.SERVICE/METHOD`. */
  readonly methods: ReadonlyMap<string, (call: ServerCall) => void>
  /** A peer that could not even begin a call, in one line. */
  readonly onBadPeer: (peer: string, reason: string) => void
}

/** Milliseconds between two questions whether a client is still there, and for its answer. */
const PING_MS = { every: 60_000, within: 20_000 } as const
/** A dead peer is noticed by the kernel; milliseconds of silence before it asks. */
const TCP_KEEPALIVE_MS = 30_000
/** How long connections may take to end. Milliseconds. */
const FAREWELL_MS = 1000
/** Calls on one connection: whoever needs more, opens another. */
const MAX_CALLS = 256

/** A gRPC server of bidirectional methods, on HTTP/2. */
export class GrpcServer {
  readonly #server: Http2Server | Http2SecureServer
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #address: GrpcAddress

  private constructor(server: Http2Server | Http2SecureServer, address: GrpcAddress) {
    this.#server = server
    this.#address = address
  }

  /** @throws GrpcError */
  static async listen(options: GrpcServerOptions): Promise<GrpcServer> {
    const { address, tls } = options
    const settings = { settings: { maxConcurrentStreams: MAX_CALLS, enablePush: false } }
    const server =
      tls === undefined
        ? http2().createServer(settings)
        : http2().createSecureServer({
            ...settings,
            ...tls,
            requestCert: tls.ca !== undefined,
            rejectUnauthorized: tls.ca !== undefined,
          })
    const made = new GrpcServer(server, address)
    made.#prepare(options)
    if (address.kind === 'unix') await removeStaleSocket(address.path)
    await made.#listen()
    return made
  }

  /** As {@link grpcAddressText}, with the port that it got. */
  get address(): string {
    const bound = this.#server.address()
    if (this.#address.kind === 'unix' || bound === null || typeof bound === 'string')
      return grpcAddressText(this.#address)
    return grpcAddressText({ ...this.#address, port: bound.port })
  }

  /** Stops listening and ends every connection; calls that have ended before tell so. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    // Calls that end now may still tell their status.
    for (const session of this.#sessions) session.close()
    const impatient = setTimeout(() => {
      for (const session of this.#sessions) session.destroy()
    }, FAREWELL_MS)
    await closed
    clearTimeout(impatient)
  }

  #prepare({ methods, onBadPeer }: GrpcServerOptions): void {
    const server = this.#server
    server.on('connection', (socket: Socket) => socket.setKeepAlive(true, TCP_KEEPALIVE_MS).setNoDelay(true))
    server.on('session', (session) => this.#follow(session))
    server.on('stream', (stream, headers) => {
      const problem = problemOf(headers)
      if (problem !== undefined) onBadPeer(peerOf(stream.session?.socket), problem)
      const method = methods.get(headers[':path'] ?? '')
      if (problem !== undefined) refuseHttp(stream)
      else if (method === undefined)
        refuse(stream, GRPC_STATUS.unimplemented, `there is no method ${headers[':path'] ?? ''}`)
      else method(new ServerCall(stream, peerOf(stream.session?.socket)))
    })
    server.on('sessionError', (error: Error, session?: ServerHttp2Session) => {
      onBadPeer(peerOf(session?.socket), error.message)
    })
    // With TLS, these come instead.
    server.on('tlsClientError', (error: Error, socket: Socket) => onBadPeer(peerOf(socket), error.message))
    server.on('unknownProtocol', (socket: Socket) => {
      onBadPeer(peerOf(socket), 'it does not speak HTTP/2')
      socket.destroy()
    })
  }

  #follow(session: ServerHttp2Session): void {
    this.#sessions.add(session)
    const pinging = setInterval(() => ping(session), PING_MS.every)
    session.on('close', () => {
      clearInterval(pinging)
      this.#sessions.delete(session)
    })
    // Told by `sessionError`, and followed by `close`.
    session.on('error', () => {})
  }

  async #listen(): Promise<void> {
    const address = this.#address
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const reason = error.code ?? error.message
        reject(new GrpcError('GRPC_LISTEN', `cannot listen on ${grpcAddressText(address)}: ${reason}`, error))
      })
      const done = () => {
        // A connection that cannot be accepted later must not end the process.
        this.#server.on('error', () => {})
        resolve()
      }
      if (address.kind === 'unix') withSocketMask(() => this.#server.listen({ path: address.path }, done))
      else this.#server.listen({ port: address.port, ...(address.host !== '' && { host: address.host }) }, done)
    })
  }
}

function ping(session: ServerHttp2Session): void {
  if (session.destroyed) return
  const answer = setTimeout(() => session.destroy(), PING_MS.within)
  const isSent = session.ping(() => clearTimeout(answer))
  if (!isSent) clearTimeout(answer)
}

/** undefined when it is a gRPC call (PROTOCOL-HTTP2, Request-Headers). */
function problemOf(headers: IncomingHttpHeaders): string | undefined {
  const type = headers['content-type'] ?? ''
  if (headers[':method'] !== 'POST') return `it asks ${String(headers[':method']).slice(0, 20)}, and is no gRPC client`
  return type.startsWith(GRPC_CONTENT_TYPE) ? undefined : 'its request has another content type than gRPC'
}

/** As the protocol wants it for what is no gRPC: 415 Unsupported Media Type. */
function refuseHttp(stream: ServerHttp2Stream): void {
  stream.on('error', () => {})
  stream.respond({ ':status': 415 }, { endStream: true })
  stream.close()
}

function peerOf(
  socket: { readonly remoteAddress?: string | undefined; readonly remotePort?: number | undefined } | undefined,
): string {
  const { remoteAddress: host, remotePort: port } = socket ?? {}
  if (host === undefined || port === undefined) return 'a client on this host'
  return grpcAddressText({ kind: 'tcp', host, port })
}
