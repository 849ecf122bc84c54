import { align } from '../netlink/attributes.ts'
import { NLM_F } from '../netlink/constants.ts'
import { ATTRIBUTE_MAX_BYTES, MessageWriter } from '../netlink/writer.ts'
import {
  NFNL_BATCH_GENID,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG,
  NFT_SET_ELEM_INTERVAL_END,
  NFT_TABLE_F,
  NFTA_CHAIN,
  NFTA_DATA,
  NFTA_HOOK,
  NFTA_LIST_ELEM,
  NFTA_RULE,
  NFTA_SET,
  NFTA_SET_ELEM,
  NFTA_SET_ELEM_LIST,
  NFTA_TABLE,
} from './constants.ts'
import { anonymousShape, encodeSetShape, setShape } from './set-encode.ts'
import {
  type AnonymousSet,
  anonymousSet,
  encodeStatement,
  encodeVerdict,
  type SetReference,
} from './statement-netlink.ts'
import { numberBytes } from './statement-text.ts'
import type { Transaction } from './transaction.ts'
import { type Chain, type Element, type Hook, NFPROTO, type NftSet, type Rule, type Table } from './types.ts'
import { writeComment } from './userdata.ts'
import { type Verdict } from './verdict.ts'

/** NF_INET_* of linux/netfilter.h. */
export const HOOKNUM: { readonly [hook in Hook]: number } = {
  prerouting: 0,
  input: 1,
  forward: 2,
  output: 3,
  postrouting: 4,
}

const NF_ACCEPT = 1
/** Room that one element may need at most behind the limit: two keys, data, a comment. */
const ELEMENT_ROOM = 512

/** Headers of the element, of its key, and of the key's value. */
const PLAIN_KEY_OFFSET = 12

/** A map's element that is nothing but bytes. */
interface PlainElement {
  readonly key: Uint8Array
  readonly data: Uint8Array
}

/** An nf_tables transaction as netlink messages between BATCH_BEGIN and BATCH_END. */
export class NetlinkBatch implements Transaction {
  readonly #writer = new MessageWriter(1 << 16)
  readonly #genidOffset: number
  #sequence = 0
  #sets = 0
  #operations = 0
  #lastMessage = 0
  /** The element message that is being filled. */
  #open: { type: number; table: Table; set: NftSet; message: number; list: number } | undefined
  /** Where the last plain element stands that was written in full; `list` tells the message that it is in. */
  #template = { list: undefined as number | undefined, keyBytes: 0, dataBytes: 0, start: 0, length: 0 }
  #finished = false

  constructor() {
    const begin = this.#writer.beginMessage(NFNL_MSG_BATCH_BEGIN, NLM_F.REQUEST, this.#sequence++)
    this.#writer.raw(nfgenmsg(0, NFNL_SUBSYS_NFTABLES))
    this.#writer.u32be(NFNL_BATCH_GENID, 0)
    this.#genidOffset = this.#writer.length - 4
    this.#writer.endMessage(begin)
  }

  get operations(): number {
    return this.#operations
  }

  /** Sequence number of the last real message: the one that is acknowledged on success. */
  get lastSequence(): number {
    return this.#sequence - 2
  }

  /**
   * Ends the batch and gives its bytes.
   *
   * @param generation the generation that the ruleset must still have; 0 does not ask.
   */
  finish(generation: number): Buffer {
    if (!this.#finished) {
      this.#finished = true
      this.#close()
      this.#writer.orFlags(this.#lastMessage, NLM_F.ACK)
      const end = this.#writer.beginMessage(NFNL_MSG_BATCH_END, NLM_F.REQUEST, this.#sequence++)
      this.#writer.raw(nfgenmsg(0, NFNL_SUBSYS_NFTABLES))
      this.#writer.endMessage(end)
    }
    const bytes = this.#writer.bytes
    // The kernel takes 0 as "any generation".
    bytes.writeUInt32BE(generation >>> 0, this.#genidOffset)
    return bytes
  }

  addTable(table: Table): void {
    this.#message(NFT_MSG.NEWTABLE, NLM_F.CREATE, table, () => {
      this.#writer.string(NFTA_TABLE.NAME, table.name)
      if (table.isOwned === true) this.#writer.u32be(NFTA_TABLE.FLAGS, NFT_TABLE_F.OWNER | NFT_TABLE_F.PERSIST)
    })
  }

  deleteTable(table: Table): void {
    this.#message(NFT_MSG.DELTABLE, 0, table, () => {
      this.#writer.string(NFTA_TABLE.NAME, table.name)
    })
  }

  addChain(table: Table, chain: Chain): void {
    const writer = this.#writer
    this.#message(NFT_MSG.NEWCHAIN, NLM_F.CREATE, table, () => {
      writer.string(NFTA_CHAIN.TABLE, table.name)
      writer.string(NFTA_CHAIN.NAME, chain.name)
      if (chain.base === undefined) return
      const hook = writer.beginNested(NFTA_CHAIN.HOOK)
      writer.u32be(NFTA_HOOK.HOOKNUM, HOOKNUM[chain.base.hook])
      writer.u32be(NFTA_HOOK.PRIORITY, chain.base.priority)
      writer.endNested(hook)
      writer.u32be(NFTA_CHAIN.POLICY, NF_ACCEPT)
      writer.string(NFTA_CHAIN.TYPE, chain.base.type)
    })
  }

  deleteChain(table: Table, chain: string): void {
    this.flushChain(table, chain)
    this.#message(NFT_MSG.DELCHAIN, 0, table, () => {
      this.#writer.string(NFTA_CHAIN.TABLE, table.name)
      this.#writer.string(NFTA_CHAIN.NAME, chain)
    })
  }

  flushChain(table: Table, chain: string): void {
    this.#message(NFT_MSG.DELRULE, 0, table, () => {
      this.#writer.string(NFTA_RULE.TABLE, table.name)
      this.#writer.string(NFTA_RULE.CHAIN, chain)
    })
  }

  addRule(table: Table, rule: Rule): void {
    const anonymous = rule.statements.map((statement) => {
      const set = anonymousSet(statement)
      return set === undefined ? undefined : this.#addAnonymousSet(table, set)
    })
    const writer = this.#writer
    this.#message(NFT_MSG.NEWRULE, NLM_F.CREATE | NLM_F.APPEND, table, () => {
      writer.string(NFTA_RULE.TABLE, table.name)
      writer.string(NFTA_RULE.CHAIN, rule.chain)
      const expressions = writer.beginNested(NFTA_RULE.EXPRESSIONS)
      rule.statements.forEach((statement, index) => {
        encodeStatement(writer, table.family, statement, anonymous[index])
      })
      writer.endNested(expressions)
      if (rule.comment !== undefined && rule.comment !== '') {
        writeComment(writer, NFTA_RULE.USERDATA, rule.comment)
      }
    })
  }

  /** Deletes one rule by its handle, whoever made it; it must be there (ENOENT otherwise). */
  deleteRule(table: Table, chain: string, handle: bigint): void {
    this.#message(NFT_MSG.DELRULE, 0, table, () => {
      this.#writer.string(NFTA_RULE.TABLE, table.name)
      this.#writer.string(NFTA_RULE.CHAIN, chain)
      this.#writer.u64be(NFTA_RULE.HANDLE, handle)
    })
  }

  addSet(table: Table, set: NftSet): void {
    this.#message(NFT_MSG.NEWSET, NLM_F.CREATE, table, () => {
      this.#writer.string(NFTA_SET.TABLE, table.name)
      this.#writer.string(NFTA_SET.NAME, set.name)
      encodeSetShape(this.#writer, setShape(set), ++this.#sets)
    })
  }

  deleteSet(table: Table, set: string): void {
    this.#message(NFT_MSG.DELSET, 0, table, () => {
      this.#writer.string(NFTA_SET.TABLE, table.name)
      this.#writer.string(NFTA_SET.NAME, set)
    })
  }

  addElement(table: Table, set: NftSet, element: Element): void {
    this.#element(NFT_MSG.NEWSETELEM, table, set, element)
  }

  deleteElement(table: Table, set: NftSet, element: Element): void {
    this.#element(NFT_MSG.DELSETELEM, table, set, { ...element, comment: '' })
  }

  #element(type: number, table: Table, set: NftSet, element: Element): void {
    const open = this.#open
    if (
      open === undefined ||
      open.type !== type ||
      open.set !== set ||
      open.table !== table ||
      this.#isFull(open.list)
    ) {
      this.#openElements(type, table, set)
    }
    this.#operations++
    const bytes = type === NFT_MSG.NEWSETELEM && isPlain(element) ? element : undefined
    if (bytes !== undefined && this.#repeat(bytes)) return
    const start = this.#writer.length
    this.#writeElement(type, element)
    if (bytes !== undefined) this.#remember(bytes, start)
  }

  #writeElement(type: number, element: Element): void {
    const writer = this.#writer
    const item = writer.beginNested(NFTA_LIST_ELEM)
    encodeKey(writer, element.key)
    if (element.keyEnd !== undefined) encodeKey(writer, element.keyEnd, NFTA_SET_ELEM.KEY_END)
    if (element.data !== undefined && type === NFT_MSG.NEWSETELEM) encodeData(writer, element.data)
    if (element.comment !== undefined && element.comment !== '') {
      writeComment(writer, NFTA_SET_ELEM.USERDATA, element.comment)
    }
    writer.endNested(item)
    if (element.intervalEnd !== undefined) encodeIntervalEnd(writer, element.intervalEnd)
  }

  /** Elements of one set differ in bytes only: the last one is copied and overwritten. */
  #repeat({ key, data }: PlainElement): boolean {
    const { list, keyBytes, dataBytes, start, length } = this.#template
    if (list !== this.#open?.list || keyBytes !== key.length || dataBytes !== data.length) return false
    const copy = this.#writer.repeat(start, length)
    this.#writer.overwrite(copy + PLAIN_KEY_OFFSET, key)
    this.#writer.overwrite(copy + length - align(dataBytes), data)
    return true
  }

  #remember({ key, data }: PlainElement, start: number): void {
    const length = this.#writer.length - start
    this.#template = { list: this.#open?.list, keyBytes: key.length, dataBytes: data.length, start, length }
  }

  #isFull(list: number): boolean {
    return this.#writer.length - list > ATTRIBUTE_MAX_BYTES - ELEMENT_ROOM
  }

  #openElements(type: number, table: Table, set: NftSet): void {
    this.#close()
    const message = this.#begin(type, type === NFT_MSG.NEWSETELEM ? NLM_F.CREATE | NLM_F.EXCL : 0, table)
    this.#writer.string(NFTA_SET_ELEM_LIST.TABLE, table.name)
    this.#writer.string(NFTA_SET_ELEM_LIST.SET, set.name)
    this.#open = { type, table, set, message, list: this.#writer.beginNested(NFTA_SET_ELEM_LIST.ELEMENTS) }
  }

  #addAnonymousSet(table: Table, set: AnonymousSet): SetReference {
    const writer = this.#writer
    const verdicts = set.elements.some((element) => element.verdict !== undefined)
    const reference = { name: verdicts ? '__map%d' : '__set%d', id: ++this.#sets }
    this.#message(NFT_MSG.NEWSET, NLM_F.CREATE, table, () => {
      writer.string(NFTA_SET.TABLE, table.name)
      writer.string(NFTA_SET.NAME, reference.name)
      encodeSetShape(writer, anonymousShape(set.field, verdicts), reference.id, set.elements.length)
    })
    this.#message(NFT_MSG.NEWSETELEM, NLM_F.CREATE, table, () => {
      writer.string(NFTA_SET_ELEM_LIST.TABLE, table.name)
      writer.string(NFTA_SET_ELEM_LIST.SET, reference.name)
      writer.u32be(NFTA_SET_ELEM_LIST.SET_ID, reference.id)
      const list = writer.beginNested(NFTA_SET_ELEM_LIST.ELEMENTS)
      for (const element of set.elements) {
        const item = writer.beginNested(NFTA_LIST_ELEM)
        encodeKey(writer, numberBytes(set.field, element.value))
        if (element.verdict !== undefined) encodeData(writer, element.verdict)
        writer.endNested(item)
      }
      writer.endNested(list)
    })
    return reference
  }

  #message(type: number, flags: number, table: Table, body: () => void): void {
    this.#close()
    const start = this.#begin(type, flags, table)
    body()
    this.#writer.endMessage(start)
    this.#operations++
  }

  #begin(type: number, flags: number, table: Table): number {
    const start = this.#writer.beginMessage(type, NLM_F.REQUEST | flags, this.#sequence++)
    this.#writer.raw(nfgenmsg(NFPROTO[table.family], 0))
    this.#lastMessage = start
    return start
  }

  #close(): void {
    if (this.#open === undefined) return
    this.#writer.endNested(this.#open.list)
    this.#writer.endMessage(this.#open.message)
    this.#open = undefined
  }
}

function isPlain(element: Element): element is Element & PlainElement {
  const { data, comment, intervalEnd } = element
  return data instanceof Uint8Array && (comment ?? '') === '' && intervalEnd === undefined
}

/** struct nfgenmsg: family, version 0, resource id in network order. */
export function nfgenmsg(family: number, resource: number): Uint8Array {
  return Uint8Array.of(family, 0, resource >> 8, resource & 0xff)
}

function encodeKey(writer: MessageWriter, key: Uint8Array, attribute: number = NFTA_SET_ELEM.KEY): void {
  const nested = writer.beginNested(attribute)
  writer.bytesOf(NFTA_DATA.VALUE, key)
  writer.endNested(nested)
}

function encodeData(writer: MessageWriter, data: Uint8Array | Verdict): void {
  const nested = writer.beginNested(NFTA_SET_ELEM.DATA)
  if (data instanceof Uint8Array) writer.bytesOf(NFTA_DATA.VALUE, data)
  else encodeVerdict(writer, data)
  writer.endNested(nested)
}

/** A range is two elements: its start, and an end mark at the first key behind it. */
function encodeIntervalEnd(writer: MessageWriter, end: Uint8Array): void {
  const item = writer.beginNested(NFTA_LIST_ELEM)
  encodeKey(writer, end)
  writer.u32be(NFTA_SET_ELEM.FLAGS, NFT_SET_ELEM_INTERVAL_END)
  writer.endNested(item)
}
