import type { ServerHttp2Stream } from 'node:http2'
import { GrpcError } from './error.ts'
import { FrameReader } from './frame.ts'
import { encodeStatusMessage, GRPC_CONTENT_TYPE, GRPC_STATUS, type GrpcStatus } from './status.ts'

/** What a method does with a call. */
export interface CallHandler {
  /** A message came. Nothing more is read until {@link ServerCall.resume}. */
  onMessage(message: Buffer): void
  /** The peer cannot be understood; the call has ended. */
  onGarbage(error: GrpcError): void
  /** The call is over, for whatever reason. Called once. */
  onClose(): void
}

/** One call of a bidirectional method. Messages are read one at a time, so that nobody can make us queue. */
export class ServerCall {
  /** Whom it is from: `ADDRESS:PORT`, or the socket's path. */
  readonly peer: string
  readonly #stream: ServerHttp2Stream
  readonly #reader = new FrameReader()
  #handler: CallHandler | undefined
  #isEnding = false
  #isPaused = false
  #hasPeerEnded = false
  readonly #messages: Buffer[] = []

  constructor(stream: ServerHttp2Stream, peer: string) {
    this.#stream = stream
    this.peer = peer
  }

  /** Begins to read. */
  handle(handler: CallHandler): void {
    this.#handler = handler
    const stream = this.#stream
    stream.respond({ ':status': 200, 'content-type': GRPC_CONTENT_TYPE }, { waitForTrailers: true })
    stream.on('wantTrailers', () => {
      stream.sendTrailers(this.#trailers)
      // What the peer still sends is for nobody; at once, the stream would end before the trailers are sent.
      setImmediate(() => stream.close())
    })
    // The peer went away; `close` follows.
    stream.on('error', () => {})
    stream.on('close', () => handler.onClose())
    stream.on('end', () => {
      this.#hasPeerEnded = true
      if (!this.#isPaused) this.end(GRPC_STATUS.ok, '')
    })
    stream.on('data', (piece: Buffer) => this.#take(piece))
  }

  /** Reads on, after a message. */
  resume(): void {
    this.#isPaused = false
    if (this.#deliver()) return
    if (this.#hasPeerEnded) this.end(GRPC_STATUS.ok, '')
    else this.#stream.resume()
  }

  /**
   * Sends framed messages.
   *
   * @returns false when the peer does not keep up: wait for {@link onceDrained}
   */
  write(frames: Uint8Array): boolean {
    return this.#stream.write(frames)
  }

  /** Not called when the call ends before. */
  onceDrained(callback: () => void): void {
    this.#stream.once('drain', callback)
  }

  end(status: GrpcStatus, message: string): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#trailers = trailers(status, message)
    this.#stream.end()
  }

  /** Ends it at once, without waiting for a peer that does not read. */
  abort(): void {
    this.#isEnding = true
    this.#stream.destroy()
  }

  #trailers: Record<string, string> = trailers(GRPC_STATUS.ok, '')

  #take(piece: Buffer): void {
    if (this.#isEnding) return
    try {
      for (const message of this.#reader.read(piece)) this.#messages.push(message)
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error
      this.#handler?.onGarbage(error)
      const isLarge = error.code === 'GRPC_TOO_LARGE'
      this.end(isLarge ? GRPC_STATUS.resourceExhausted : GRPC_STATUS.internal, error.message)
      return
    }
    if (!this.#isPaused) this.#deliver()
  }

  /** @returns false when there was no message. */
  #deliver(): boolean {
    const message = this.#messages.shift()
    if (message === undefined || this.#isEnding) return false
    this.#isPaused = true
    this.#stream.pause()
    this.#handler?.onMessage(message)
    return true
  }
}

/** Answers a call that has no method, or is none. */
export function refuse(stream: ServerHttp2Stream, status: GrpcStatus, message: string): void {
  stream.on('error', () => {})
  stream.respond(
    { ':status': 200, 'content-type': GRPC_CONTENT_TYPE, ...trailers(status, message) },
    { endStream: true },
  )
  stream.close()
}

function trailers(status: GrpcStatus, message: string): Record<string, string> {
  return { 'grpc-status': String(status), ...(message !== '' && { 'grpc-message': encodeStatusMessage(message) }) }
}
