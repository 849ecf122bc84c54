import { align } from '../../netlink/attributes.ts'
import { HEADER_BYTES, NLM_F, NLMSG, NLMSGERR_ATTR } from '../../netlink/constants.ts'
import type { Message } from '../../netlink/message.ts'
import { MessageWriter } from '../../netlink/writer.ts'

/** What is said of one message. */
export interface Answer {
  readonly to: Message
  /** Positive; 0 for success. */
  readonly errno: number
  /** Of the attribute at fault; 0 by default, when the kernel does not say. */
  readonly offset?: number
  /** The kernel's own words; empty by default. */
  readonly text?: string
}

/** An acknowledgement or error as a socket with NETLINK_CAP_ACK and NETLINK_EXT_ACK gets it (netlink_ack). */
export function encodeAnswer({ to, errno, offset = 0, text = '' }: Answer, portId: number): Buffer {
  const writer = new MessageWriter(128)
  const start = writer.beginMessage(NLMSG.ERROR, NLM_F.CAPPED, to.sequence)
  const fixed = Buffer.alloc(4 + HEADER_BYTES)
  fixed.writeInt32LE(-errno, 0)
  to.buffer.copy(fixed, 4, to.start - HEADER_BYTES, to.start)
  writer.raw(fixed)
  if (text !== '') writer.string(NLMSGERR_ATTR.MSG, text)
  if (offset !== 0) writer.u32(NLMSGERR_ATTR.OFFS, offset)
  if (text !== '' || offset !== 0) writer.orFlags(start, NLM_F.ACK_TLVS)
  writer.endMessage(start)
  const { bytes } = writer
  bytes.writeUInt32LE(portId, start + 12)
  return bytes
}

export function encodeDone(sequence: number, portId: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + 4)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeUInt16LE(NLMSG.DONE, 4)
  bytes.writeUInt16LE(NLM_F.MULTI, 6)
  bytes.writeUInt32LE(sequence, 8)
  bytes.writeUInt32LE(portId, 12)
  return bytes
}

/** Messages one behind the other, in datagrams of at most `limit` bytes. */
export function* datagrams(messages: Iterable<Buffer>, limit: number): Generator<Buffer> {
  let pending: Buffer[] = []
  let length = 0
  for (const message of messages) {
    if (length > 0 && length + message.length > limit) {
      yield Buffer.concat(pending)
      pending = []
      length = 0
    }
    const padding = align(message.length) - message.length
    pending.push(padding === 0 ? message : Buffer.concat([message, Buffer.alloc(padding)]))
    length += message.length + padding
  }
  if (length > 0) yield Buffer.concat(pending)
}
