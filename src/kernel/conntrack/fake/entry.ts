import type { MessageWriter } from '../../netlink/writer.ts'
import { CTA, CTA_IP, CTA_PROTO, CTA_TUPLE } from '../constants.ts'

/** An address and a port as they are in a packet. */
export interface EntryEnd {
  /** Network byte order, 4 or 16 bytes. */
  readonly address: Uint8Array
  readonly port: number
}

/** An entry as a kernel has it. Without translation the answer comes from the destination and goes to the source. */
export interface Entry {
  readonly protocol: number
  readonly source: EntryEnd
  readonly destination: EntryEnd
  readonly replySource?: EntryEnd
  readonly replyDestination?: EntryEnd
  /** 0 unless told. */
  readonly zone?: number
}

/** Writes the attributes that every message about an entry begins with. */
export function writeEntry(writer: MessageWriter, entry: Entry): void {
  const { protocol, source, destination, replySource = destination, replyDestination = source, zone = 0 } = entry
  writeTuple(writer, CTA.TUPLE_ORIG, protocol, source, destination)
  writeTuple(writer, CTA.TUPLE_REPLY, protocol, replySource, replyDestination)
  // NLA_BE16.
  if (zone !== 0) writer.bytesOf(CTA.ZONE, Uint8Array.of(zone >> 8, zone))
}

function writeTuple(writer: MessageWriter, type: number, protocol: number, from: EntryEnd, to: EntryEnd): void {
  const isV4 = from.address.length === 4
  const tuple = writer.beginNested(type)
  const addresses = writer.beginNested(CTA_TUPLE.IP)
  writer.bytesOf(isV4 ? CTA_IP.V4_SRC : CTA_IP.V6_SRC, from.address)
  writer.bytesOf(isV4 ? CTA_IP.V4_DST : CTA_IP.V6_DST, to.address)
  writer.endNested(addresses)
  const ports = writer.beginNested(CTA_TUPLE.PROTO)
  writer.u8(CTA_PROTO.NUM, protocol)
  writer.bytesOf(CTA_PROTO.SRC_PORT, Uint8Array.of(from.port >> 8, from.port))
  writer.bytesOf(CTA_PROTO.DST_PORT, Uint8Array.of(to.port >> 8, to.port))
  writer.endNested(ports)
  writer.endNested(tuple)
}
