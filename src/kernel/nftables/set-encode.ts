import type { MessageWriter } from '../netlink/writer.ts'
import {
  NFT_DATA_VERDICT,
  NFT_SET,
  NFTA_LIST_ELEM,
  NFTA_SET,
  NFTA_SET_DESC,
  NFTA_SET_FIELD_LEN,
  UDATA,
} from './constants.ts'
import { concatBytes, type DataType } from './datatype.ts'
import type { Field } from './field.ts'
import { dataParts, dataTypes, isField, type NftSet, type SetPart } from './types.ts'
import { entry, entryU32, typeofUserdata } from './userdata.ts'

const VERDICT_BYTES = 16
/** nft's byte-order numbers; a concatenation has none. */
const BYTEORDER = { invalid: 0, host: 1, network: 2 } as const
const UDATA_DATA_INTERVAL = 6
const EXPR_CONCAT = 13
const EXPR_VERDICT = 1
const DYNAMIC_FLAGS = NFT_SET.TIMEOUT | NFT_SET.EVAL

/** What the kernel holds of a set's declaration; two sets with equal shapes are interchangeable. */
export interface SetShape {
  /** NFT_SET_* bits. */
  readonly flags: number
  readonly keyType: number
  readonly keyBytes: number
  /** 0 for a plain set. */
  readonly dataType: number
  readonly dataBytes: number
  /** Bytes of each part of the key, where it is a concatenation with ranges; empty otherwise. */
  readonly fieldBytes: readonly number[]
  /** 0 when there is no bound. */
  readonly size: number
  /** 0 when elements do not expire by default. */
  readonly timeoutMs: number
  readonly userdata: Buffer
}

export function setShape(set: NftSet): SetShape {
  const keys = dataTypes(set.key)
  const data = dataTypes(dataParts(set))
  const isMap = set.data !== undefined
  return {
    flags:
      (isMap ? NFT_SET.MAP : 0) | (set.interval === true ? intervalFlags(set) : 0) | (set.dynamic ? DYNAMIC_FLAGS : 0),
    fieldBytes: set.interval === true && keys.length > 1 ? keys.map((type) => type.bytes) : [],
    keyType: concatType(keys),
    keyBytes: concatBytes(keys),
    dataType: set.data === 'verdict' ? NFT_DATA_VERDICT : concatType(data),
    dataBytes: set.data === 'verdict' ? VERDICT_BYTES : concatBytes(data),
    size: set.dynamic?.size ?? 0,
    timeoutMs: (set.dynamic?.timeoutSeconds ?? 0) * 1000,
    userdata: setUserdata(set, keys, data),
  }
}

/** Writes the attributes that follow a set's table and name. */
export function encodeSetShape(writer: MessageWriter, shape: SetShape, id: number, elements?: number): void {
  writer.u32be(NFTA_SET.FLAGS, shape.flags)
  writer.u32be(NFTA_SET.KEY_TYPE, shape.keyType)
  writer.u32be(NFTA_SET.KEY_LEN, shape.keyBytes)
  if (shape.dataType !== 0) {
    writer.u32be(NFTA_SET.DATA_TYPE, shape.dataType)
    writer.u32be(NFTA_SET.DATA_LEN, shape.dataBytes)
  }
  writer.u32be(NFTA_SET.ID, id)
  const size = elements ?? shape.size
  if (size > 0 || shape.fieldBytes.length > 0) {
    const description = writer.beginNested(NFTA_SET.DESC)
    if (size > 0) writer.u32be(NFTA_SET_DESC.SIZE, size)
    if (shape.fieldBytes.length > 0) encodeFields(writer, shape.fieldBytes)
    writer.endNested(description)
  }
  if (shape.timeoutMs > 0) writer.u64be(NFTA_SET.TIMEOUT, BigInt(shape.timeoutMs))
  writer.bytesOf(NFTA_SET.USERDATA, shape.userdata)
}

/** The kernel has to know where the parts of a concatenated key end, to compare each with its range. */
function encodeFields(writer: MessageWriter, fieldBytes: readonly number[]): void {
  const fields = writer.beginNested(NFTA_SET_DESC.CONCAT)
  for (const bytes of fieldBytes) {
    const field = writer.beginNested(NFTA_LIST_ELEM)
    writer.u32be(NFTA_SET_FIELD_LEN, bytes)
    writer.endNested(field)
  }
  writer.endNested(fields)
}

function intervalFlags(set: NftSet): number {
  return NFT_SET.INTERVAL | (set.key.length > 1 ? NFT_SET.CONCAT : 0)
}

/** nft packs the datatypes of a concatenation into one number, 6 bits each (TYPE_BITS). */
function concatType(types: readonly DataType[]): number {
  return types.reduce((packed, type) => (packed << 6) | type.id, 0)
}

function byteOrder(types: readonly DataType[]): number {
  const only = types.length === 1 ? types[0] : undefined
  return only === undefined ? BYTEORDER.invalid : BYTEORDER[only.order]
}

/** What nft needs to print the declaration again: byte orders, and for `typeof` the fields themselves. */
function setUserdata(set: NftSet, keys: readonly DataType[], data: readonly DataType[]): Buffer {
  const parts = [entryU32(UDATA.SET_KEY_BYTEORDER, byteOrder(keys))]
  if (set.data !== undefined) {
    parts.push(entryU32(UDATA.SET_DATA_BYTEORDER, set.data === 'verdict' ? BYTEORDER.invalid : byteOrder(data)))
  }
  parts.push(...partsUserdata(UDATA.SET_KEY_TYPEOF, set.key))
  parts.push(...partsUserdata(UDATA.SET_DATA_TYPEOF, dataParts(set)))
  if (set.data !== undefined) parts.push(entryU32(UDATA_DATA_INTERVAL, 0))
  return Buffer.concat(parts)
}

function partsUserdata(type: number, parts: readonly SetPart[]): Buffer[] {
  if (parts.length === 0) return []
  const fields = parts.filter(isField)
  if (fields.length === parts.length) {
    const userdata = typeofUserdata(type, fields)
    if (userdata !== undefined) return [userdata]
  }
  // A concatenation declared by datatypes: nft stores an empty one.
  return parts.length > 1 ? [entry(type, entryU32(0, EXPR_CONCAT), entry(1))] : []
}

/** The shape of a set that belongs to one rule, as nft makes it. */
export function anonymousShape(field: Field, isVerdictMap: boolean): SetShape {
  const shape = setShape({ name: '', key: [field], ...(isVerdictMap ? { data: 'verdict' as const } : {}) })
  const flags = shape.flags | NFT_SET.ANONYMOUS | NFT_SET.CONSTANT
  if (!isVerdictMap) return { ...shape, flags }
  const userdata = Buffer.concat([
    entryU32(UDATA.SET_KEY_BYTEORDER, byteOrder([field.type])),
    entryU32(UDATA.SET_DATA_BYTEORDER, BYTEORDER.invalid),
    entry(UDATA.SET_DATA_TYPEOF, entryU32(0, EXPR_VERDICT), entry(1)),
    entryU32(UDATA_DATA_INTERVAL, 0),
  ])
  return { ...shape, flags, userdata }
}
