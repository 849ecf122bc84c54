import type { DataType } from './datatype.ts'
import type { Field } from './field.ts'
import type { Statement } from './statement.ts'
import type { Verdict } from './verdict.ts'

/** nf_tables families that Sluice uses, by their nft names. */
export type TableFamily = 'ip' | 'ip6'

/** NFPROTO_* of linux/netfilter.h. */
export const NFPROTO: { readonly [family in TableFamily]: number } = { ip: 2, ip6: 10 }

export interface Table {
  readonly family: TableFamily
  readonly name: string
  /**
   * Only the socket that made it may change it; it stays when that socket is closed, and the next one that adds it so takes
   * it over (NFT_TABLE_F_OWNER and NFT_TABLE_F_PERSIST, Linux 6.9). False when absent.
   */
  readonly isOwned?: boolean
}

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'

export interface Chain {
  readonly name: string
  /** Absent for a chain that is only jumped to. */
  readonly base?: {
    readonly type: 'nat' | 'filter'
    readonly hook: Hook
    /** Lower runs earlier. */
    readonly priority: number
  }
}

/** One part of a set's key or data: by datatype, or by the field it is compared with (`typeof`). */
export type SetPart = DataType | Field

export interface NftSet {
  readonly name: string
  readonly key: readonly SetPart[]
  /** Absent for a plain set; `verdict` for a verdict map. */
  readonly data?: readonly SetPart[] | 'verdict'
  /** The key is an address range or prefix. */
  readonly interval?: boolean
  /** Filled by rules (`update`); its elements expire. */
  readonly dynamic?: { readonly timeoutSeconds: number; readonly size: number }
}

export interface Rule {
  readonly chain: string
  readonly statements: readonly Statement[]
  /** Empty when there is none. */
  readonly comment?: string
}

/** One element of a set or map, as bytes in the set's layout. */
export interface Element {
  readonly key: Uint8Array
  /** Absent in a plain set. */
  readonly data?: Uint8Array | Verdict
  /** Empty when there is none. */
  readonly comment?: string
  /** Exclusive end of an interval, in a set whose key is one address; absent in sets without ranges. */
  readonly intervalEnd?: Uint8Array
  /** Inclusive end of each part of a concatenated key, in a set of ranges; absent in other sets. */
  readonly keyEnd?: Uint8Array
}

export function isField(part: SetPart): part is Field {
  return 'expression' in part
}

/** The datatypes of a set's key or data. */
export function dataTypes(parts: readonly SetPart[]): DataType[] {
  return parts.map((part) => (isField(part) ? part.type : part))
}

/** The parts of a map's data; empty for a plain set and for a verdict map. */
export function dataParts(set: NftSet): readonly SetPart[] {
  return set.data === undefined || set.data === 'verdict' ? [] : set.data
}
