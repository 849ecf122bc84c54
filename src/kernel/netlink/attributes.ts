import { NLA_TYPE_MASK } from './constants.ts'

/** Attributes are padded to 4 bytes (NLA_ALIGNTO). */
export function align(length: number): number {
  return (length + 3) & ~3
}

/** One attribute of a received message: a window on `buffer`, valid while the buffer is. */
export interface Attribute {
  /** Without the nested and byte-order flags. */
  readonly type: number
  /** Offset of the payload. */
  readonly start: number
  /** Offset behind the payload, without padding. */
  readonly end: number
}

/** Walks the attributes in `buffer[start, end)`. Stops at the first malformed one. */
export function* attributes(buffer: Buffer, start: number, end: number): Generator<Attribute> {
  let at = start
  while (at + 4 <= end) {
    const length = buffer.readUInt16LE(at)
    if (length < 4 || at + length > end) return
    yield { type: buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK, start: at + 4, end: at + length }
    at += align(length)
  }
}

/** The attributes of `buffer[start, end)` by type; of several with one type the last. */
export function attributeMap(buffer: Buffer, start: number, end: number): Map<number, Attribute> {
  const map = new Map<number, Attribute>()
  for (const attribute of attributes(buffer, start, end)) map.set(attribute.type, attribute)
  return map
}

/** The attribute's text without its terminating NUL. */
export function readString(buffer: Buffer, attribute: Attribute): string {
  const end = buffer[attribute.end - 1] === 0 ? attribute.end - 1 : attribute.end
  return buffer.toString('utf8', attribute.start, end)
}

export function readBytes(buffer: Buffer, attribute: Attribute): Buffer {
  return Buffer.from(buffer.subarray(attribute.start, attribute.end))
}
