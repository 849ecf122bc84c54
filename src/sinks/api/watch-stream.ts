import type { GrpcError } from '../../grpc/error.ts'
import type { ServerCall } from '../../grpc/server-call.ts'
import { GRPC_STATUS } from '../../grpc/status.ts'
import { isWireError } from '../../model/wire/error.ts'
import type { FeedReader, FeedRequest } from '../../model/wire/feed.ts'
import { type Api, readWatchRequest } from '../../model/wire/requests.ts'
import type { Logger } from '../../observe/log.ts'

/** Frames are put together to pieces of about this size: one write costs more than copying them. Bytes. */
const PIECE_BYTES = 64 << 10

export interface WatchStreamOptions {
  readonly api: Api
  readonly call: ServerCall
  readonly reader: FeedReader
  readonly log: Logger
  /** Milliseconds that a client may take nothing of what it asked for. */
  readonly stallMs: number
  /** It asked for a change set: it waits for {@link WatchStream.serve}. */
  readonly onRequest: (stream: WatchStream) => void
  readonly onClose: (stream: WatchStream) => void
}

/** One client's stream: a request is for one change set, and the next request is read when that was sent. */
export class WatchStream {
  readonly #options: WatchStreamOptions
  #request: FeedRequest | undefined
  #isClosed = false
  #stalled: NodeJS.Timeout | undefined

  constructor(options: WatchStreamOptions) {
    this.#options = options
    const { call } = options
    call.handle({
      onMessage: (message) => this.#take(message),
      onGarbage: (error) => this.#tell(error),
      onClose: () => this.#close(),
    })
  }

  /** True when there is nothing to serve: it asked for nothing, or was told everything. */
  get isCurrent(): boolean {
    return this.#request === undefined || this.#options.reader.isCurrent(this.#request)
  }

  /**
   * Sends the change set that was asked for, if there is anything to tell.
   *
   * @returns false when there is nothing: the request waits on
   */
  serve(): boolean {
    const request = this.#request
    if (request === undefined || this.#isClosed) return true
    const frames = this.#options.reader.next(request)
    if (frames === undefined) return false
    this.#request = undefined
    this.#send(pieces(frames))
    return true
  }

  /** Ends the stream, since the server ends. */
  end(): void {
    this.#options.call.end(GRPC_STATUS.unavailable, 'the server ends')
  }

  /** Ends the stream because of a fault here. */
  fail(error: unknown): void {
    const { call, log, api } = this.#options
    log.error({ err: error, peer: call.peer, api }, 'a change set could not be made; the stream is ended')
    call.end(GRPC_STATUS.internal, 'the change set could not be made')
  }

  #take(message: Buffer): void {
    const { api, call, onRequest } = this.#options
    try {
      this.#request = readWatchRequest(api, message)
    } catch (error) {
      if (!isWireError(error)) throw error
      this.#tell(error)
      call.end(GRPC_STATUS.invalidArgument, error.message)
      return
    }
    onRequest(this)
  }

  /** Writes until the client does not keep up, and goes on when it does. */
  #send(rest: Iterator<Uint8Array>): void {
    const { call } = this.#options
    clearTimeout(this.#stalled)
    for (let next = rest.next(); next.done !== true; next = rest.next()) {
      if (this.#isClosed) return
      if (call.write(next.value)) continue
      this.#stalled = setTimeout(() => this.#stall(), this.#options.stallMs)
      call.onceDrained(() => this.#sendRest(rest))
      return
    }
    call.resume()
  }

  #sendRest(rest: Iterator<Uint8Array>): void {
    try {
      this.#send(rest)
    } catch (error) {
      this.fail(error)
    }
  }

  #stall(): void {
    const { call, log, api, stallMs } = this.#options
    log.warn({ peer: call.peer, api }, `a client took nothing for ${stallMs / 1000} s; its stream is ended`)
    call.abort()
  }

  #tell(error: GrpcError | Error): void {
    const { call, log, api } = this.#options
    log.warn({ peer: call.peer, api }, `a client is not understood; its stream is ended: ${error.message}`)
  }

  #close(): void {
    this.#isClosed = true
    clearTimeout(this.#stalled)
    this.#options.reader.close()
    this.#options.onClose(this)
  }
}

function* pieces(frames: Iterable<Uint8Array>): Generator<Uint8Array> {
  let held: Uint8Array[] = []
  let bytes = 0
  for (const frame of frames) {
    held.push(frame)
    bytes += frame.length
    if (bytes < PIECE_BYTES) continue
    yield Buffer.concat(held, bytes)
    held = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(held, bytes)
}
