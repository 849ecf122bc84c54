import { align, attributes, readString } from './attributes.ts'
import { HEADER_BYTES, NLM_F, NLMSGERR_ATTR } from './constants.ts'

/** A received message: a window on `buffer`, valid until the next receive. */
export interface Message {
  readonly buffer: Buffer
  readonly type: number
  readonly flags: number
  readonly sequence: number
  /** Port id of the process that caused it; in a notification, the writer's. */
  readonly portId: number
  /** Offset of the payload in `buffer`. */
  readonly start: number
  /** Offset behind the payload. */
  readonly end: number
}

/** Walks the messages of one datagram. */
export function* messages(datagram: Buffer): Generator<Message> {
  let at = 0
  while (at + HEADER_BYTES <= datagram.length) {
    const length = datagram.readUInt32LE(at)
    if (length < HEADER_BYTES || at + length > datagram.length) return
    yield {
      buffer: datagram,
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      portId: datagram.readUInt32LE(at + 12),
      start: at + HEADER_BYTES,
      end: at + length,
    }
    at += align(length)
  }
}

/** The content of an NLMSG_ERROR message. An acknowledgement has errno 0. */
export interface Acknowledgement {
  readonly sequence: number
  /** Positive; 0 for success. */
  readonly errno: number
  /** The kernel's own words (NLMSGERR_ATTR_MSG); most often empty. */
  readonly text: string
  /** Offset in the failed message of the attribute at fault (NLMSGERR_ATTR_OFFS); 0 when unknown. */
  readonly offset: number
}

/** Reads an NLMSG_ERROR message (struct nlmsgerr and the extended acknowledgement behind it). */
export function readAcknowledgement(message: Message): Acknowledgement {
  const { buffer, start, end } = message
  // Not negated, which would make -0 of a success.
  const errno = 0 - buffer.readInt32LE(start)
  const quotedLength = message.flags & NLM_F.CAPPED ? HEADER_BYTES : align(buffer.readUInt32LE(start + 4))
  let text = ''
  let offset = 0
  if (message.flags & NLM_F.ACK_TLVS) {
    for (const attribute of attributes(buffer, start + 4 + quotedLength, end)) {
      if (attribute.type === NLMSGERR_ATTR.MSG) text = readString(buffer, attribute)
      if (attribute.type === NLMSGERR_ATTR.OFFS) offset = buffer.readUInt32LE(attribute.start)
    }
  }
  return { sequence: message.sequence, errno, text, offset }
}
