import type { MessageWriter } from '../netlink/writer.ts'
import {
  NF_NAT_RANGE_PROTO_RANDOM_FULLY,
  NFT_BYTEORDER_HTON,
  NFT_CMP,
  NFT_DYNSET_OP_UPDATE,
  NFT_LOOKUP_F_INV,
  NFT_META_IIFNAME,
  NFT_META_PRIORITY,
  NFT_NAT_DNAT,
  NFTA_BITWISE,
  NFTA_BYTEORDER,
  NFTA_CMP,
  NFTA_DATA,
  NFTA_DYNSET,
  NFTA_EXPR,
  NFTA_IMMEDIATE,
  NFTA_LIST_ELEM,
  NFTA_LOOKUP,
  NFTA_MASQ_FLAGS,
  NFTA_META,
  NFTA_NAT,
  NFTA_REJECT,
  NFTA_VERDICT,
  REGISTER,
  VERDICT_CODE,
} from './constants.ts'
import { DATA_TYPES } from './datatype.ts'
import { FIELDS, type Field } from './field.ts'
import type { Statement } from './statement.ts'
import { numberBytes } from './statement-text.ts'
import { NFPROTO, type TableFamily } from './types.ts'
import { type Verdict } from './verdict.ts'

/** linux/if.h: bytes of an interface's name, with the zero at its end. */
const IFNAMSIZ = 16

/** A set that belongs to one rule; it is created in the same batch, before the rule. */
export interface AnonymousSet {
  readonly field: Field
  readonly elements: readonly { readonly value: number; readonly verdict?: Verdict }[]
}

/** The anonymous set that the statement needs, if it needs one. */
export function anonymousSet(statement: Statement): AnonymousSet | undefined {
  if (statement.do === 'one-of') {
    return { field: statement.field, elements: statement.values.map((value) => ({ value })) }
  }
  if (statement.do === 'vmap-anonymous') return { field: statement.field, elements: statement.entries }
  return undefined
}

/** How a rule refers to a set: by name, and by its id when it is made in the same batch. */
export interface SetReference {
  readonly name: string
  readonly id?: number
}

/**
 * Writes the statement as kernel expressions, with the registers that nft itself would use: a key begins at register 1,
 * and a map's data comes back there.
 *
 * @param anonymous the reference to the statement's own set, when {@link anonymousSet} gave one.
 */
export function encodeStatement(
  writer: MessageWriter,
  family: TableFamily,
  statement: Statement,
  anonymous?: SetReference,
): void {
  const first = register(0)
  switch (statement.do) {
    case 'match':
      load(writer, statement.field, first)
      compare(writer, statement.not ? NFT_CMP.NEQ : NFT_CMP.EQ, numberBytes(statement.field, statement.value))
      return
    case 'match-bits':
      load(writer, statement.field, first)
      mask(writer, statement.bits)
      compare(writer, statement.not ? NFT_CMP.EQ : NFT_CMP.NEQ, Buffer.alloc(4))
      return
    case 'match-interface':
      expression(writer, 'meta', () => {
        writer.u32be(NFTA_META.DREG, first)
        writer.u32be(NFTA_META.KEY, NFT_META_IIFNAME)
      })
      compare(writer, statement.not ? NFT_CMP.NEQ : NFT_CMP.EQ, interfaceName(statement.name, statement.prefix))
      return
    case 'lookup':
      loadKey(writer, statement.key, 0, statement.ranges)
      lookup(writer, { name: statement.set }, { inverse: statement.not ?? false })
      return
    case 'one-of':
      load(writer, statement.field, first)
      lookup(writer, required(anonymous), {})
      return
    case 'vmap':
      load(writer, statement.field, first)
      if (statement.mask !== undefined) mask(writer, statement.mask)
      lookup(writer, { name: statement.map }, { into: REGISTER.VERDICT })
      return
    case 'vmap-anonymous':
      load(writer, statement.field, first)
      lookup(writer, required(anonymous), { into: REGISTER.VERDICT })
      return
    case 'set-priority-none':
      immediate(writer, Buffer.alloc(4))
      setPriority(writer)
      return
    case 'mask-priority':
      load(writer, FIELDS['meta priority'], first)
      mask(writer, statement.mask)
      setPriority(writer)
      return
    case 'set-priority-map':
      loadKey(writer, statement.key)
      lookup(writer, { name: statement.map }, { into: first })
      setPriority(writer)
      return
    case 'remap-priority':
      load(writer, FIELDS['meta priority'], first)
      mask(writer, statement.mask)
      lookup(writer, { name: statement.map }, { into: first })
      setPriority(writer)
      return
    case 'dnat-map':
      loadKey(writer, statement.key)
      lookup(writer, { name: statement.map }, { into: first })
      dnat(writer, family)
      return
    case 'update':
      update(writer, statement)
      return
    case 'masquerade':
      expression(writer, 'masq', () => writer.u32be(NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY))
      return
    case 'reject':
      reject(writer, family)
      return
    case 'verdict':
      expression(writer, 'immediate', () => {
        writer.u32be(NFTA_IMMEDIATE.DREG, REGISTER.VERDICT)
        const data = writer.beginNested(NFTA_IMMEDIATE.DATA)
        encodeVerdict(writer, statement.verdict)
        writer.endNested(data)
      })
  }
}

/** A whole name is compared with the zeros behind it (IFNAMSIZ), a prefix without. */
function interfaceName(name: string, prefix: boolean): Buffer {
  const text = Buffer.from(name)
  return prefix ? text : Buffer.concat([text, Buffer.alloc(IFNAMSIZ - text.length)])
}

/** NFTA_DATA_VERDICT with its code and chain. */
export function encodeVerdict(writer: MessageWriter, verdict: Verdict): void {
  const nested = writer.beginNested(NFTA_DATA.VERDICT)
  writer.u32be(NFTA_VERDICT.CODE, VERDICT_CODE[verdict.kind])
  if ('chain' in verdict) writer.string(NFTA_VERDICT.CHAIN, verdict.chain)
  writer.endNested(nested)
}

/** The kernel counts registers in 32-bit slots, but names every fourth by its old 128-bit number (nft_dump_register). */
function register(slot: number): number {
  return slot % 4 === 0 ? REGISTER.FIRST + slot / 4 : REGISTER.FIRST_32 + slot
}

function slots(field: Field): number {
  return Math.ceil(field.type.bytes / 4)
}

function load(writer: MessageWriter, field: Field, into: number): void {
  expression(writer, field.expression, () => {
    field.encode(writer, into)
  })
}

/**
 * @param ranges ranges compare in network order, into which nft turns what is in host order, be it one byte only.
 * @returns the number of register slots that the key fills.
 */
function loadKey(writer: MessageWriter, key: readonly Field[], firstSlot = 0, ranges = false): number {
  let slot = firstSlot
  for (const field of key) {
    load(writer, field, register(slot))
    if (ranges && field.type.order === 'host') toNetworkOrder(writer, register(slot), field.type.bytes)
    slot += slots(field)
  }
  return slot
}

function expression(writer: MessageWriter, name: string, attributes: () => void): void {
  const element = writer.beginNested(NFTA_LIST_ELEM)
  writer.string(NFTA_EXPR.NAME, name)
  const data = writer.beginNested(NFTA_EXPR.DATA)
  attributes()
  writer.endNested(data)
  writer.endNested(element)
}

function lookup(writer: MessageWriter, set: SetReference, options: { into?: number; inverse?: boolean }): void {
  expression(writer, 'lookup', () => {
    writer.string(NFTA_LOOKUP.SET, set.name)
    writer.u32be(NFTA_LOOKUP.SREG, register(0))
    if (options.into !== undefined) writer.u32be(NFTA_LOOKUP.DREG, options.into)
    if (set.id !== undefined) writer.u32be(NFTA_LOOKUP.SET_ID, set.id)
    if (options.inverse === true) writer.u32be(NFTA_LOOKUP.FLAGS, NFT_LOOKUP_F_INV)
  })
}

function toNetworkOrder(writer: MessageWriter, of: number, bytes: number): void {
  expression(writer, 'byteorder', () => {
    writer.u32be(NFTA_BYTEORDER.SREG, of)
    writer.u32be(NFTA_BYTEORDER.DREG, of)
    writer.u32be(NFTA_BYTEORDER.OP, NFT_BYTEORDER_HTON)
    writer.u32be(NFTA_BYTEORDER.LEN, bytes)
    writer.u32be(NFTA_BYTEORDER.SIZE, bytes % 4 === 0 ? 4 : 2)
  })
}

function compare(writer: MessageWriter, operator: number, value: Buffer): void {
  expression(writer, 'cmp', () => {
    writer.u32be(NFTA_CMP.SREG, register(0))
    writer.u32be(NFTA_CMP.OP, operator)
    value4(writer, NFTA_CMP.DATA, value)
  })
}

function mask(writer: MessageWriter, bits: number): void {
  expression(writer, 'bitwise', () => {
    writer.u32be(NFTA_BITWISE.SREG, register(0))
    writer.u32be(NFTA_BITWISE.DREG, register(0))
    writer.u32be(NFTA_BITWISE.LEN, 4)
    const value = Buffer.allocUnsafe(4)
    value.writeUInt32LE(bits >>> 0)
    value4(writer, NFTA_BITWISE.MASK, value)
    value4(writer, NFTA_BITWISE.XOR, Buffer.alloc(4))
  })
}

function immediate(writer: MessageWriter, value: Buffer): void {
  expression(writer, 'immediate', () => {
    writer.u32be(NFTA_IMMEDIATE.DREG, register(0))
    value4(writer, NFTA_IMMEDIATE.DATA, value)
  })
}

function value4(writer: MessageWriter, attribute: number, value: Buffer): void {
  const nested = writer.beginNested(attribute)
  writer.bytesOf(NFTA_DATA.VALUE, value)
  writer.endNested(nested)
}

function setPriority(writer: MessageWriter): void {
  expression(writer, 'meta', () => {
    writer.u32be(NFTA_META.KEY, NFT_META_PRIORITY)
    writer.u32be(NFTA_META.SREG, register(0))
  })
}

function dnat(writer: MessageWriter, family: TableFamily): void {
  const address = family === 'ip' ? DATA_TYPES.ipv4_addr : DATA_TYPES.ipv6_addr
  expression(writer, 'nat', () => {
    writer.u32be(NFTA_NAT.TYPE, NFT_NAT_DNAT)
    writer.u32be(NFTA_NAT.FAMILY, NFPROTO[family])
    writer.u32be(NFTA_NAT.REG_ADDR_MIN, register(0))
    writer.u32be(NFTA_NAT.REG_PROTO_MIN, register(address.bytes / 4))
  })
}

/** Port unreachable: code 3 of ICMP, 4 of ICMPv6 (promise 47). */
function reject(writer: MessageWriter, family: TableFamily): void {
  expression(writer, 'reject', () => {
    writer.u32be(NFTA_REJECT.TYPE, 0)
    writer.u8(NFTA_REJECT.ICMP_CODE, family === 'ip' ? 3 : 4)
  })
}

function update(writer: MessageWriter, statement: Extract<Statement, { do: 'update' }>): void {
  const dataSlot = loadKey(writer, statement.key)
  loadKey(writer, statement.data, dataSlot)
  expression(writer, 'dynset', () => {
    writer.string(NFTA_DYNSET.SET_NAME, statement.map)
    writer.u32be(NFTA_DYNSET.OP, NFT_DYNSET_OP_UPDATE)
    writer.u32be(NFTA_DYNSET.SREG_KEY, register(0))
    writer.u32be(NFTA_DYNSET.SREG_DATA, register(dataSlot))
    writer.u64be(NFTA_DYNSET.TIMEOUT, BigInt(statement.timeoutSeconds) * 1000n)
  })
}

function required(anonymous: SetReference | undefined): SetReference {
  if (anonymous === undefined) throw new TypeError('the statement needs its anonymous set')
  return anonymous
}
