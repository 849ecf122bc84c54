import { align } from './attributes.ts'
import { HEADER_BYTES, NLA_F_NESTED } from './constants.ts'

/** Longest attribute, header included (nla_len has 16 bits). */
export const ATTRIBUTE_MAX_BYTES = 0xffff

const SHORT_BYTES = 32
const ATTRIBUTE_HEADER_BYTES = 4

/**
 * Builds netlink messages one behind the other in a buffer that grows. Header fields are in host order, which is
 * little-endian on every machine that Sluice supports.
 */
export class MessageWriter {
  #buffer: Buffer
  #at = 0

  constructor(capacity = 4096) {
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  /** Bytes written. */
  get length(): number {
    return this.#at
  }

  /** What was written: a window that is valid until the next write. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  reset(): void {
    this.#at = 0
  }

  /** Starts a message. @returns its offset, for {@link endMessage}. */
  beginMessage(type: number, flags: number, sequence: number): number {
    this.reserve(HEADER_BYTES)
    const start = this.#at
    this.#buffer.writeUInt32LE(0, start)
    this.#buffer.writeUInt16LE(type, start + 4)
    this.#buffer.writeUInt16LE(flags, start + 6)
    this.#buffer.writeUInt32LE(sequence, start + 8)
    this.#buffer.writeUInt32LE(0, start + 12)
    this.#at += HEADER_BYTES
    return start
  }

  endMessage(start: number): void {
    this.#buffer.writeUInt32LE(this.#at - start, start)
  }

  /** Adds bits to the flags of the message at `start`. */
  orFlags(start: number, flags: number): void {
    this.#buffer.writeUInt16LE(this.#buffer.readUInt16LE(start + 6) | flags, start + 6)
  }

  /** The fixed part behind a header, already aligned. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** Starts a nested attribute. @returns its offset, for {@link endNested}. */
  beginNested(type: number): number {
    this.reserve(4)
    const start = this.#at
    this.#writeU16(start + 2, type | NLA_F_NESTED)
    this.#at += 4
    return start
  }

  endNested(start: number): void {
    this.#writeU16(start, this.#at - start)
  }

  /** A number in network byte order, as nf_tables has them (NLA_BE32). */
  u32be(type: number, value: number): void {
    const at = this.#head(type, 4)
    this.#buffer.writeUInt32BE(value >>> 0, at)
  }

  u64be(type: number, value: bigint): void {
    const at = this.#head(type, 8)
    this.#buffer.writeBigUInt64BE(value, at)
  }

  u8(type: number, value: number): void {
    const at = this.#head(type, 1)
    this.#buffer[at] = value
  }

  /** A number in host order, as rtnetlink has them. */
  u32(type: number, value: number): void {
    const at = this.#head(type, 4)
    this.#buffer.writeUInt32LE(value >>> 0, at)
  }

  /** Text with a terminating NUL. */
  string(type: number, text: string): void {
    const length = Buffer.byteLength(text)
    const at = this.#head(type, length + 1)
    this.#buffer.write(text, at)
    this.#buffer[at + length] = 0
  }

  bytesOf(type: number, value: Uint8Array): void {
    const at = this.#head(type, value.length)
    // For a few bytes a loop is several times faster than set().
    if (value.length > SHORT_BYTES) this.#buffer.set(value, at)
    else for (let i = 0; i < value.length; i++) this.#buffer[at + i] = value[i] ?? 0
  }

  /** Starts an attribute of which the caller writes each byte with {@link setByte}. @returns the offset of its value. */
  room(type: number, length: number): number {
    return this.#head(type, length)
  }

  setByte(at: number, value: number): void {
    this.#buffer[at] = value
  }

  /** Takes an attribute back that was started with {@link room}, as long as nothing stands behind it. */
  takeBack(at: number): void {
    this.#at = at - ATTRIBUTE_HEADER_BYTES
  }

  /** Writes again what stands at `from`; the caller then changes the copy. @returns the copy's offset. */
  repeat(from: number, length: number): number {
    this.reserve(length)
    const at = this.#at
    this.#buffer.copyWithin(at, from, from + length)
    this.#at += length
    return at
  }

  /** Replaces bytes that were written before. */
  overwrite(at: number, bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) this.#buffer[at + i] = bytes[i] ?? 0
  }

  reserve(length: number): void {
    if (this.#at + length <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + length))
    this.#buffer.copy(grown, 0, 0, this.#at)
    this.#buffer = grown
  }

  /** Without the range checks of Buffer's own method, which cost more than the store. */
  #writeU16(at: number, value: number): void {
    this.#buffer[at] = value
    this.#buffer[at + 1] = value >> 8
  }

  #head(type: number, length: number): number {
    const padded = align(length)
    this.reserve(4 + padded)
    const at = this.#at
    this.#writeU16(at, 4 + length)
    this.#writeU16(at + 2, type)
    for (let i = at + 4 + length; i < at + 4 + padded; i++) this.#buffer[i] = 0
    this.#at = at + 4 + padded
    return at + 4
  }
}
