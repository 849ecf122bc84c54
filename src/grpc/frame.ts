import { GrpcError } from './error.ts'

/** Bytes in front of each message: whether it is compressed, and its length. */
const HEADER_BYTES = 5

/** The largest message that gRPC programs take unless told otherwise, and that we take: 4 MiB. */
export const MAX_MESSAGE_BYTES: number = 4 << 20

/** A message as gRPC sends it (PROTOCOL-HTTP2, Length-Prefixed-Message), not compressed. */
export function frame(message: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + message.length)
  framed[0] = 0
  framed.writeUInt32BE(message.length, 1)
  framed.set(message, HEADER_BYTES)
  return framed
}

/** Puts messages together again, out of whatever pieces they come in. */
export class FrameReader {
  readonly #maxBytes: number
  #pending: Buffer = Buffer.alloc(0)

  constructor(maxBytes: number = MAX_MESSAGE_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** True between two messages. */
  get isEmpty(): boolean {
    return this.#pending.length === 0
  }

  /**
   * The messages that this piece completes; they may share its memory.
   *
   * @throws GrpcError when one is compressed, or longer than allowed
   */
  *read(piece: Buffer): Generator<Buffer> {
    let rest = this.#pending.length === 0 ? piece : Buffer.concat([this.#pending, piece])
    this.#pending = Buffer.alloc(0)
    while (rest.length >= HEADER_BYTES) {
      const length = rest.readUInt32BE(1)
      if (rest[0] !== 0) throw new GrpcError('GRPC_PROTOCOL', 'a message is compressed, which was not agreed on')
      if (length > this.#maxBytes) {
        throw new GrpcError('GRPC_TOO_LARGE', `a message has ${length} bytes; at most ${this.#maxBytes} are taken`)
      }
      const end = HEADER_BYTES + length
      if (rest.length < end) break
      yield rest.subarray(HEADER_BYTES, end)
      rest = rest.subarray(end)
    }
    this.#pending = rest
  }
}
