import { NLA_F_NESTED } from '../../netlink/constants.ts'
import { MessageWriter } from '../../netlink/writer.ts'
import { nfgenmsg } from '../batch.ts'
import {
  NFT_MSG,
  NFTA_CHAIN,
  NFTA_GEN,
  NFTA_HOOK,
  NFTA_LIST_ELEM,
  NFTA_RULE,
  NFTA_SET,
  NFTA_SET_DESC,
  NFTA_SET_ELEM_LIST,
  NFTA_TABLE,
} from '../constants.ts'
import type { Change } from './changes.ts'
import type { FakeChain, FakeElement, FakeRule, FakeSet, FakeTable } from './store.ts'

/** Whom a message is for, and as what. */
export interface Envelope {
  readonly portId: number
  readonly sequence: number
  readonly flags: number
  /** The low half of it stands in every message. */
  readonly generation: number
}

/** One whole message. */
function message(type: number, envelope: Envelope, family: number, body: (writer: MessageWriter) => void): Buffer {
  const writer = new MessageWriter(256)
  const start = writer.beginMessage(type, envelope.flags, envelope.sequence)
  writer.raw(nfgenmsg(family, envelope.generation & 0xffff))
  body(writer)
  writer.endMessage(start)
  const { bytes } = writer
  bytes.writeUInt32LE(envelope.portId, start + 12)
  return bytes
}

export function encodeTable(envelope: Envelope, table: FakeTable, type: number = NFT_MSG.NEWTABLE): Buffer {
  return message(type, envelope, table.family, (writer) => {
    writer.string(NFTA_TABLE.NAME, table.name)
    writer.u32be(NFTA_TABLE.FLAGS, table.flags)
    writer.u32be(NFTA_TABLE.USE, table.chains.size + table.sets.size)
    writer.u64be(NFTA_TABLE.HANDLE, BigInt(table.handle))
  })
}

export function encodeChain(
  envelope: Envelope,
  table: FakeTable,
  chain: FakeChain,
  type: number = NFT_MSG.NEWCHAIN,
): Buffer {
  return message(type, envelope, table.family, (writer) => {
    writer.string(NFTA_CHAIN.TABLE, table.name)
    writer.string(NFTA_CHAIN.NAME, chain.name)
    writer.u64be(NFTA_CHAIN.HANDLE, BigInt(chain.handle))
    writer.u32be(NFTA_CHAIN.USE, chain.rules.length + chain.uses)
    if (chain.base === undefined) return
    const hook = writer.beginNested(NFTA_CHAIN.HOOK)
    writer.u32be(NFTA_HOOK.HOOKNUM, chain.base.hooknum)
    writer.u32be(NFTA_HOOK.PRIORITY, chain.base.priority)
    writer.endNested(hook)
    writer.u32be(NFTA_CHAIN.POLICY, chain.base.policy)
    writer.string(NFTA_CHAIN.TYPE, chain.base.type)
  })
}

export function encodeRule(
  envelope: Envelope,
  table: FakeTable,
  chain: FakeChain,
  rule: FakeRule,
  type: number = NFT_MSG.NEWRULE,
): Buffer {
  return message(type, envelope, table.family, (writer) => {
    writer.string(NFTA_RULE.TABLE, table.name)
    writer.string(NFTA_RULE.CHAIN, chain.name)
    writer.u64be(NFTA_RULE.HANDLE, BigInt(rule.handle))
    writer.bytesOf(NFTA_RULE.EXPRESSIONS | NLA_F_NESTED, rule.expressions)
    if (rule.userdata !== undefined) writer.bytesOf(NFTA_RULE.USERDATA, rule.userdata)
  })
}

export function encodeSet(envelope: Envelope, table: FakeTable, set: FakeSet, type: number = NFT_MSG.NEWSET): Buffer {
  return message(type, envelope, table.family, (writer) => {
    writer.string(NFTA_SET.TABLE, table.name)
    writer.string(NFTA_SET.NAME, set.name)
    writer.u64be(NFTA_SET.HANDLE, BigInt(set.handle))
    if (set.flags !== 0) writer.u32be(NFTA_SET.FLAGS, set.flags)
    writer.u32be(NFTA_SET.KEY_TYPE, set.keyType)
    writer.u32be(NFTA_SET.KEY_LEN, set.keyBytes)
    if (set.dataType !== 0) {
      writer.u32be(NFTA_SET.DATA_TYPE, set.dataType)
      writer.u32be(NFTA_SET.DATA_LEN, set.dataBytes)
    }
    if (set.timeoutMs > 0) writer.u64be(NFTA_SET.TIMEOUT, BigInt(set.timeoutMs))
    if (set.userdata.length > 0) writer.bytesOf(NFTA_SET.USERDATA, set.userdata)
    const description = writer.beginNested(NFTA_SET.DESC)
    if (set.size > 0) writer.u32be(NFTA_SET_DESC.SIZE, set.size)
    writer.endNested(description)
  })
}

export function encodeElements(
  envelope: Envelope,
  table: FakeTable,
  set: FakeSet,
  elements: readonly FakeElement[],
  type: number = NFT_MSG.NEWSETELEM,
): Buffer {
  return message(type, envelope, table.family, (writer) => {
    writer.string(NFTA_SET_ELEM_LIST.TABLE, table.name)
    writer.string(NFTA_SET_ELEM_LIST.SET, set.name)
    const list = writer.beginNested(NFTA_SET_ELEM_LIST.ELEMENTS)
    for (const element of elements) writer.bytesOf(NFTA_LIST_ELEM | NLA_F_NESTED, element.attributes)
    writer.endNested(list)
  })
}

export function encodeGeneration(envelope: Envelope): Buffer {
  return message(NFT_MSG.NEWGEN, envelope, 0, (writer) => {
    writer.u32be(NFTA_GEN.ID, envelope.generation)
    writer.u32be(NFTA_GEN.PROC_PID, envelope.portId)
    writer.string(NFTA_GEN.PROC_NAME, 'fake')
  })
}

/** What everybody who listens is told of a change. */
export function encodeChange(envelope: Envelope, change: Change): Buffer {
  const { table, isNew } = change
  switch (change.what) {
    case 'table':
      return encodeTable(envelope, table, isNew ? NFT_MSG.NEWTABLE : NFT_MSG.DELTABLE)
    case 'chain':
      return encodeChain(envelope, table, change.chain, isNew ? NFT_MSG.NEWCHAIN : NFT_MSG.DELCHAIN)
    case 'rule':
      return encodeRule(envelope, table, change.chain, change.rule, isNew ? NFT_MSG.NEWRULE : NFT_MSG.DELRULE)
    case 'set':
      return encodeSet(envelope, table, change.set, isNew ? NFT_MSG.NEWSET : NFT_MSG.DELSET)
    case 'element': {
      const type = isNew ? NFT_MSG.NEWSETELEM : NFT_MSG.DELSETELEM
      // The kernel leaves the sequence number of these at 0.
      return encodeElements({ ...envelope, sequence: 0 }, table, change.set, [change.element], type)
    }
  }
}
