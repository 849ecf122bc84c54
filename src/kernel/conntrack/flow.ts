import { attributes } from '../netlink/attributes.ts'
import type { Message } from '../netlink/message.ts'
import { CTA, CTA_IP, CTA_PROTO, CTA_TUPLE, NFGENMSG_BYTES } from './constants.ts'

/**
 * The bytes of an address in network order as text with one character a byte: cheap to make, to compare and to look up,
 * where a listing has a million of them.
 */
export type RawAddress = string

/** The address in network byte order as {@link RawAddress}. */
export function rawAddress(bytes: Uint8Array): RawAddress {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** One tracked connection, as far as is needed to tell whether it goes where it should. */
export interface Flow {
  /** IPPROTO_*. */
  readonly protocol: number
  /** Where the client sent its first packet. */
  readonly destination: RawAddress
  /** 0 for protocols without ports. */
  readonly destinationPort: number
  /** Who answers: the destination after translation. */
  readonly replySource: RawAddress
  readonly replySourcePort: number
  /** Of either direction; 0 is where everything is that no rule put elsewhere. */
  readonly zone: number
}

/** What names one entry and no later one. */
export interface FlowKey {
  readonly family: 4 | 6
  /** Content of CTA_TUPLE_ORIG. */
  readonly original: Buffer
  /** CTA_ID, which a newer entry of the same tuple does not have; as the kernel gave it. */
  readonly id: number
}

/** A flow in a received message; valid until the next one is received. */
export interface ReceivedFlow extends Flow {
  /** A copy that stays. */
  readonly key: () => FlowKey
}

const AF_INET6 = 10

/** Reads an entry; undefined when it has no tuple that can be read. */
export function readFlow(message: Message): ReceivedFlow | undefined {
  const { buffer, start, end } = message
  const original = new Tuple()
  const reply = new Tuple()
  let id = 0
  let zone = 0
  for (const attribute of attributes(buffer, start + NFGENMSG_BYTES, end)) {
    if (attribute.type === CTA.TUPLE_ORIG) original.read(buffer, attribute.start, attribute.end)
    else if (attribute.type === CTA.TUPLE_REPLY) reply.read(buffer, attribute.start, attribute.end)
    else if (attribute.type === CTA.ID) id = buffer.readUInt32BE(attribute.start)
    else if (attribute.type === CTA.ZONE) zone = buffer.readUInt16BE(attribute.start)
  }
  if (original.destination === '' || reply.source === '') return undefined
  return {
    protocol: original.protocol,
    destination: original.destination,
    destinationPort: original.destinationPort,
    replySource: reply.source,
    replySourcePort: reply.sourcePort,
    zone: zone || original.zone || reply.zone,
    key: () => ({
      family: buffer[start] === AF_INET6 ? 6 : 4,
      original: Buffer.from(buffer.subarray(original.start, original.end)),
      id,
    }),
  }
}

/** struct nf_conntrack_tuple as attributes. */
class Tuple {
  source: RawAddress = ''
  destination: RawAddress = ''
  protocol = 0
  sourcePort = 0
  destinationPort = 0
  zone = 0
  start = 0
  end = 0

  read(buffer: Buffer, start: number, end: number): void {
    this.start = start
    this.end = end
    for (const part of attributes(buffer, start, end)) {
      if (part.type === CTA_TUPLE.IP) this.#readAddresses(buffer, part.start, part.end)
      else if (part.type === CTA_TUPLE.PROTO) this.#readPorts(buffer, part.start, part.end)
      else if (part.type === CTA_TUPLE.ZONE) this.zone = buffer.readUInt16BE(part.start)
    }
  }

  #readAddresses(buffer: Buffer, start: number, end: number): void {
    for (const { type, start: from, end: to } of attributes(buffer, start, end)) {
      if (type === CTA_IP.V4_SRC || type === CTA_IP.V6_SRC) this.source = buffer.toString('latin1', from, to)
      else if (type === CTA_IP.V4_DST || type === CTA_IP.V6_DST) this.destination = buffer.toString('latin1', from, to)
    }
  }

  #readPorts(buffer: Buffer, start: number, end: number): void {
    for (const { type, start: from } of attributes(buffer, start, end)) {
      if (type === CTA_PROTO.NUM) this.protocol = buffer[from] ?? 0
      else if (type === CTA_PROTO.SRC_PORT) this.sourcePort = buffer.readUInt16BE(from)
      else if (type === CTA_PROTO.DST_PORT) this.destinationPort = buffer.readUInt16BE(from)
    }
  }
}
