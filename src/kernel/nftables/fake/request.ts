import { errnoNumber } from '../../libc/errno.ts'
import { type Attribute, attributeMap, readString } from '../../netlink/attributes.ts'
import { HEADER_BYTES } from '../../netlink/constants.ts'
import type { Message } from '../../netlink/message.ts'
import { NFGENMSG_BYTES } from '../constants.ts'

/** One message to nf_tables, taken apart. */
export interface Request {
  readonly message: Message
  /** NFPROTO_*. */
  readonly family: number
  readonly body: ReadonlyMap<number, Attribute>
}

/** What the kernel answers when it does not do what it was asked. */
export class Refused extends Error {
  /** Positive. */
  readonly errno: number
  /** Offset in the message of the attribute at fault; 0 when the kernel does not say. */
  readonly offset: number

  constructor(errno: string, offset = 0) {
    super(errno)
    this.errno = errnoNumber(errno)
    this.offset = offset
  }
}

export function parseRequest(message: Message): Request {
  return {
    message,
    family: message.buffer[message.start] ?? 0,
    body: attributeMap(message.buffer, message.start + NFGENMSG_BYTES, message.end),
  }
}

/** Where an attribute begins, counted from the message's header, as the extended acknowledgement has it. */
export function offsetOf({ message }: Request, attribute: Attribute | undefined): number {
  return attribute === undefined ? 0 : attribute.start - 4 - (message.start - HEADER_BYTES)
}

/** An attribute's text; undefined when there is none. */
export function optionalText({ message, body }: Request, type: number): string | undefined {
  const attribute = body.get(type)
  return attribute && readString(message.buffer, attribute)
}

/** An attribute's text. @throws Refused EINVAL when there is none. */
export function requiredText(request: Request, type: number): string {
  const text = optionalText(request, type)
  if (text === undefined) throw new Refused('EINVAL')
  return text
}
