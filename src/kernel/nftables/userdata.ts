import type { MessageWriter } from '../netlink/writer.ts'
import type { Field } from './field.ts'

/** Bytes of an element comment that nft accepts (NFTNL_UDATA_COMMENT_MAXLEN), without the terminating NUL. */
export const COMMENT_MAX_BYTES = 127

const MAX_ASCII = 0x7f

/** A comment as nft stores it: type 0, length, text with NUL. Longer text is cut with a visible `...`. */
export function commentUserdata(comment: string, type = 0): Buffer {
  const text = shortenComment(comment)
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(text) + 3)
  bytes[0] = type
  bytes[1] = bytes.length - 2
  bytes.write(text, 2)
  bytes[bytes.length - 1] = 0
  return bytes
}

/** Writes {@link commentUserdata} as an attribute. */
export function writeComment(writer: MessageWriter, attribute: number, comment: string): void {
  const text = shortenComment(comment)
  const at = writer.room(attribute, text.length + 3)
  writer.setByte(at, 0)
  writer.setByte(at + 1, text.length + 1)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > MAX_ASCII) {
      // Kubernetes has no such names; others may.
      writer.takeBack(at)
      writer.bytesOf(attribute, commentUserdata(comment))
      return
    }
    writer.setByte(at + 2 + i, code)
  }
  writer.setByte(at + 2 + text.length, 0)
}

/** What {@link commentUserdata} keeps of a comment: at most 127 bytes, and never a quote, which nft cannot read back. */
export function shortenComment(comment: string): string {
  // No UTF-16 unit takes more than three bytes in UTF-8.
  if (comment.length <= COMMENT_MAX_BYTES / 3 && !comment.includes('"')) return comment
  const text = comment.replaceAll('"', "'")
  if (Buffer.byteLength(text) <= COMMENT_MAX_BYTES) return text
  const bytes = Buffer.from(text)
  let end = COMMENT_MAX_BYTES - 3
  // Back to where a character begins, so that none is cut in two.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return `${bytes.toString('utf8', 0, end)}...`
}

/** The text of the first entry of this type; empty when there is none. */
export function readComment(userdata: Buffer, type = 0): string {
  let at = 0
  while (at + 2 <= userdata.length) {
    const length = userdata[at + 1] ?? 0
    if (userdata[at] === type) return userdata.toString('utf8', at + 2, at + 2 + length).replace(/\0$/, '')
    at += 2 + length
  }
  return ''
}

const EXPR_CONCAT = 13

/** One entry: type, length, value. */
export function entry(type: number, ...values: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(values)
  return Buffer.concat([Buffer.of(type, value.length), value])
}

/** One entry with a 32-bit number; nft stores these in host order. */
export function entryU32(type: number, value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32LE(value)
  return entry(type, bytes)
}

/** The user data that lets `nft list` print `typeof FIELD . FIELD`; undefined when a field cannot be stored. */
export function typeofUserdata(type: number, fields: readonly Field[]): Buffer | undefined {
  const parts: Buffer[] = []
  for (const field of fields) {
    if (field.typeof === undefined) return undefined
    const numbers = field.typeof.values.map((value, index) => entryU32(index, value))
    parts.push(Buffer.concat([entryU32(0, field.typeof.kind), entry(1, ...numbers)]))
  }
  if (parts.length === 1) return entry(type, ...parts)
  return entry(type, entryU32(0, EXPR_CONCAT), entry(1, ...parts.map((part, index) => entry(index, part))))
}
