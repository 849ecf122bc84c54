import type { MessageWriter } from '../netlink/writer.ts'
import {
  NFT_CT_KEY,
  NFT_FIB,
  NFT_META_L4PROTO,
  NFT_META_PRIORITY,
  NFTA_CT,
  NFTA_FIB,
  NFTA_META,
  NFTA_NG,
  NFTA_PAYLOAD,
} from './constants.ts'
import { DATA_TYPES, type DataType } from './datatype.ts'

/**
 * Something of a packet, or of its connection, that a rule can load into a register. `text` is how nft writes it.
 * The typeof numbers are those that nft stores with a set declared by `typeof` (nftables expression.h, enum expr_types,
 * and each expression's own user data), so that `nft list` can print the declaration.
 */
export interface Field {
  readonly text: string
  readonly type: DataType
  /** Name of the kernel's expression that loads it. */
  readonly expression: 'payload' | 'meta' | 'ct' | 'fib' | 'numgen'
  readonly encode: (writer: MessageWriter, register: number) => void
  /** enum expr_types of nft, and the numbers that follow it; undefined when nft cannot store it. */
  readonly typeof: { readonly kind: number; readonly values: readonly number[] } | undefined
}

const EXPR_META = 9
const EXPR_PAYLOAD = 7
const EXPR_NUMGEN = 23
const NETWORK_HEADER = 1
const TRANSPORT_HEADER = 2
/** enum proto_desc_id of nft. */
const DESC = { th: 11, ip: 12, ip6: 13 } as const

function payload(text: string, type: DataType, base: number, offset: number, desc: number, field: number): Field {
  return {
    text,
    type,
    expression: 'payload',
    encode: (writer, register) => {
      writer.u32be(NFTA_PAYLOAD.DREG, register)
      writer.u32be(NFTA_PAYLOAD.BASE, base)
      writer.u32be(NFTA_PAYLOAD.OFFSET, offset)
      writer.u32be(NFTA_PAYLOAD.LEN, type.bytes)
    },
    typeof: { kind: EXPR_PAYLOAD, values: [desc, field] },
  }
}

function meta(text: string, type: DataType, key: number): Field {
  return {
    text,
    type,
    expression: 'meta',
    encode: (writer, register) => {
      writer.u32be(NFTA_META.DREG, register)
      writer.u32be(NFTA_META.KEY, key)
    },
    typeof: { kind: EXPR_META, values: [key] },
  }
}

/** @param direction 0 original, 1 reply, undefined for keys without one. */
function conntrack(text: string, type: DataType, key: number, direction?: 0 | 1): Field {
  return {
    text,
    type,
    expression: 'ct',
    encode: (writer, register) => {
      writer.u32be(NFTA_CT.DREG, register)
      writer.u32be(NFTA_CT.KEY, key)
      if (direction !== undefined) writer.u8(NFTA_CT.DIRECTION, direction)
    },
    typeof: undefined,
  }
}

/** What the routing table takes the source address for. */
function fibSourceType(): Field {
  return {
    text: 'fib saddr type',
    type: DATA_TYPES.fib_addrtype,
    expression: 'fib',
    encode: (writer, register) => {
      writer.u32be(NFTA_FIB.DREG, register)
      writer.u32be(NFTA_FIB.RESULT, NFT_FIB.RESULT_ADDRTYPE)
      writer.u32be(NFTA_FIB.FLAGS, NFT_FIB.F_SADDR)
    },
    typeof: undefined,
  }
}

const { ipv4_addr, ipv6_addr, inet_proto, inet_service, classid, integer } = DATA_TYPES

export const FIELDS = {
  'ip saddr': payload('ip saddr', ipv4_addr, NETWORK_HEADER, 12, DESC.ip, 11),
  'ip daddr': payload('ip daddr', ipv4_addr, NETWORK_HEADER, 16, DESC.ip, 12),
  'ip6 saddr': payload('ip6 saddr', ipv6_addr, NETWORK_HEADER, 8, DESC.ip6, 8),
  'ip6 daddr': payload('ip6 daddr', ipv6_addr, NETWORK_HEADER, 24, DESC.ip6, 9),
  'th dport': payload('th dport', inet_service, TRANSPORT_HEADER, 2, DESC.th, 2),
  'meta l4proto': meta('meta l4proto', inet_proto, NFT_META_L4PROTO),
  'meta priority': meta('meta priority', classid, NFT_META_PRIORITY),
  'ct state': conntrack('ct state', integer, NFT_CT_KEY.STATE),
  'ct status': conntrack('ct status', integer, NFT_CT_KEY.STATUS),
  'ct original ip saddr': conntrack('ct original ip saddr', ipv4_addr, NFT_CT_KEY.SRC_IP, 0),
  'ct original ip daddr': conntrack('ct original ip daddr', ipv4_addr, NFT_CT_KEY.DST_IP, 0),
  'ct original ip6 saddr': conntrack('ct original ip6 saddr', ipv6_addr, NFT_CT_KEY.SRC_IP6, 0),
  'ct original ip6 daddr': conntrack('ct original ip6 daddr', ipv6_addr, NFT_CT_KEY.DST_IP6, 0),
  'ct original proto-dst': conntrack('ct original proto-dst', inet_service, NFT_CT_KEY.PROTO_DST, 0),
  'ct reply ip saddr': conntrack('ct reply ip saddr', ipv4_addr, NFT_CT_KEY.SRC_IP, 1),
  'ct reply ip6 saddr': conntrack('ct reply ip6 saddr', ipv6_addr, NFT_CT_KEY.SRC_IP6, 1),
  'ct reply proto-src': conntrack('ct reply proto-src', inet_service, NFT_CT_KEY.PROTO_SRC, 1),
  'fib saddr type': fibSourceType(),
} as const satisfies Record<string, Field>

const NG_RANDOM = 1

/** A number in [0, modulus), drawn at random for each packet. */
export function numgenRandom(modulus: number): Field {
  return {
    text: `numgen random mod ${modulus}`,
    type: integer,
    expression: 'numgen',
    encode: (writer, register) => {
      writer.u32be(NFTA_NG.DREG, register)
      writer.u32be(NFTA_NG.MODULUS, modulus)
      writer.u32be(NFTA_NG.TYPE, NG_RANDOM)
      writer.u32be(NFTA_NG.OFFSET, 0)
    },
    typeof: { kind: EXPR_NUMGEN, values: [NG_RANDOM, modulus, 0] },
  }
}
