import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type GrpcAddress, grpcAddressText } from './address.ts'
import { GrpcError } from './error.ts'
import { FrameReader, frame } from './frame.ts'
import { http2 } from './http2.ts'
import { decodeStatusMessage, GRPC_CONTENT_TYPE } from './status.ts'
import type { TlsOptions } from './tls.ts'

export interface GrpcTarget {
  readonly address: GrpcAddress
  /** Absent: no TLS. */
  readonly tls?: TlsOptions | undefined
}

/** Milliseconds until a connection must be there. */
const CONNECT_MS = 10_000
/** A dead peer is noticed by the kernel; milliseconds of silence before it asks. */
const TCP_KEEPALIVE_MS = 30_000
/** Go's servers end a connection that is pinged more often than each five minutes. Milliseconds. */
const PING_MS = { every: 330_000, within: 20_000 } as const
/** How much may be under way to us, so that a state of many MB does not wait for acknowledgements. Bytes. */
const WINDOW_BYTES = 1 << 20

/** One call of a bidirectional method, on a connection of its own. */
export class ClientCall {
  readonly #session: ClientHttp2Session
  readonly #stream: ClientHttp2Stream
  readonly #reader: FrameReader
  readonly #peer: string
  #failure: GrpcError | undefined
  #status: IncomingHttpHeaders & IncomingHttpStatusHeader = {}

  private constructor(session: ClientHttp2Session, stream: ClientHttp2Stream, peer: string) {
    this.#session = session
    this.#stream = stream
    this.#peer = peer
    this.#reader = new FrameReader()
    session.on('error', (error: Error) => this.#fail(error))
    stream.on('error', (error: Error) => this.#fail(error))
    stream.on('response', (headers) => {
      this.#status = headers
    })
    stream.on('trailers', (headers: IncomingHttpHeaders) => {
      this.#status = headers
    })
  }

  /** Opens a connection, and a call on it. Failures are told by {@link messages}. Aborting ends both at once. */
  static open({ address, tls }: GrpcTarget, method: string, signal: AbortSignal): ClientCall {
    const authority = address.kind === 'unix' ? 'localhost' : grpcAddressText(address)
    const session: ClientHttp2Session = http2().connect(`${tls === undefined ? 'http' : 'https'}://${authority}`, {
      createConnection: (): Socket => connectSocket(address, tls),
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    })
    const stream = session.request({
      ':method': 'POST',
      ':path': method,
      'content-type': GRPC_CONTENT_TYPE,
      te: 'trailers',
    })
    const call = new ClientCall(session, stream, grpcAddressText(address))
    call.#watch(signal)
    return call
  }

  /** Sends a message. */
  send(message: Uint8Array): void {
    if (!this.#stream.destroyed) this.#stream.write(frame(message))
  }

  /**
   * The messages as they come, those that came together in one list. Ends when the peer ends the call well; returning closes the
   * connection.
   *
   * @throws GrpcError
   */
  async *messages(): AsyncGenerator<readonly Buffer[]> {
    try {
      for await (const piece of this.#stream as AsyncIterable<Buffer>) {
        const messages = [...this.#reader.read(piece)]
        if (messages.length > 0) yield messages
      }
    } catch (error) {
      if (error instanceof GrpcError) throw error
      throw this.#failure ?? this.#unreachable(error)
    } finally {
      this.close()
    }
    if (this.#failure !== undefined) throw this.#failure
    this.#checkStatus()
  }

  /** Ends the call and its connection at once. */
  close(): void {
    this.#stream.destroy()
    this.#session.destroy()
  }

  #watch(signal: AbortSignal): void {
    const session = this.#session
    const connecting = setTimeout(() => {
      this.#fail(new Error(`no connection within ${CONNECT_MS / 1000} s`))
      this.close()
    }, CONNECT_MS)
    // A server that speaks HTTP/2 says so at once.
    session.once('remoteSettings', () => clearTimeout(connecting))
    session.once('connect', () => session.setLocalWindowSize(WINDOW_BYTES))
    const pinging = setInterval(() => this.#ping(), PING_MS.every)
    const onAbort = () => this.close()
    signal.addEventListener('abort', onAbort, { once: true })
    session.once('close', () => {
      clearTimeout(connecting)
      clearInterval(pinging)
      signal.removeEventListener('abort', onAbort)
    })
    if (signal.aborted) this.close()
  }

  #ping(): void {
    if (this.#session.destroyed) return
    const answer = setTimeout(() => {
      this.#fail(new Error('it does not answer any more'))
      this.close()
    }, PING_MS.within)
    if (!this.#session.ping(() => clearTimeout(answer))) clearTimeout(answer)
  }

  /** The first failure is the reason, and what comes after is its consequence. */
  #fail(error: unknown): void {
    this.#failure ??= this.#unreachable(error)
  }

  #unreachable(error: unknown): GrpcError {
    // A call that was never begun says only that; why, its cause does.
    const { cause = error } = error as Error
    const { code, message } = cause as NodeJS.ErrnoException
    const reason = REASONS[code ?? ''] ?? message
    return new GrpcError('GRPC_UNREACHABLE', `${this.#peer} cannot be reached: ${reason}`, error)
  }

  #checkStatus(): void {
    const { ':status': http, 'grpc-status': status, 'grpc-message': text } = this.#status
    if (status === '0') return
    if (status === undefined) {
      const found = http === 200 || http === undefined ? 'it ended without a status' : `HTTP status ${http}`
      throw new GrpcError('GRPC_PROTOCOL', `${this.#peer} is no gRPC server: ${found}`)
    }
    const message = typeof text === 'string' ? `: ${decodeStatusMessage(text)}` : ''
    throw new GrpcError('GRPC_REFUSED', `${this.#peer} ended the call with status ${status.toString()}${message}`)
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOENT: 'there is no such socket',
  EACCES: 'permission denied',
  ENOTFOUND: 'there is no such host',
  EHOSTUNREACH: 'there is no route to it',
  ERR_STREAM_PREMATURE_CLOSE: 'it went away',
}

function connectSocket(address: GrpcAddress, tls: TlsOptions | undefined): Socket {
  const socket = rawSocket(address)
  if (address.kind === 'tcp') socket.setNoDelay(true).setKeepAlive(true, TCP_KEEPALIVE_MS)
  if (tls === undefined) return socket
  const host = address.kind === 'unix' ? 'localhost' : address.host
  // A server name must be a name (RFC 6066, section 3); an address is looked for in the certificate nevertheless.
  return connectTls({ ...tls, socket, host, ALPNProtocols: ['h2'], ...(isIP(host) === 0 && { servername: host }) })
}

function rawSocket(address: GrpcAddress): Socket {
  if (address.kind === 'unix') return connectTcp(address.path)
  return connectTcp({ host: address.host === '' ? 'localhost' : address.host, port: address.port })
}
