import { NLM_F } from '../netlink/constants.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { CT_MSG, CTA, CTA_FILTER, CTA_FILTER_F_PROTO_NUM, CTA_PROTO, CTA_TUPLE } from './constants.ts'
import type { FlowKey } from './flow.ts'

const AF = { 4: 2, 6: 10 } as const

/** Asks for the entries of one family; of one protocol only when given, which kernels before 5.8 refuse. */
export function writeDump(writer: MessageWriter, sequence: number, family: 4 | 6, protocol?: number): void {
  const start = begin(writer, CT_MSG.GET, NLM_F.DUMP, sequence, family)
  if (protocol !== undefined) {
    const tuple = writer.beginNested(CTA.TUPLE_ORIG)
    const proto = writer.beginNested(CTA_TUPLE.PROTO)
    writer.u8(CTA_PROTO.NUM, protocol)
    writer.endNested(proto)
    writer.endNested(tuple)
    const filter = writer.beginNested(CTA.FILTER)
    writer.u32(CTA_FILTER.ORIG_FLAGS, CTA_FILTER_F_PROTO_NUM)
    writer.u32(CTA_FILTER.REPLY_FLAGS, 0)
    writer.endNested(filter)
  }
  writer.endMessage(start)
}

/** Deletes one entry of zone 0. Only with `flags` of NLM_F_ACK does the kernel answer when it succeeds. */
export function writeDelete(writer: MessageWriter, sequence: number, key: FlowKey, flags: number): void {
  const start = begin(writer, CT_MSG.DELETE, flags, sequence, key.family)
  const tuple = writer.beginNested(CTA.TUPLE_ORIG)
  writer.raw(key.original)
  writer.endNested(tuple)
  writer.u32be(CTA.ID, key.id)
  writer.endMessage(start)
}

function begin(writer: MessageWriter, type: number, flags: number, sequence: number, family: 4 | 6): number {
  const start = writer.beginMessage(type, NLM_F.REQUEST | flags, sequence)
  // struct nfgenmsg: family, version, resource id.
  writer.raw(Uint8Array.of(AF[family], 0, 0, 0))
  return start
}
