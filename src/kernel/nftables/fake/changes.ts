import { NFPROTO } from '../types.ts'
import type { FakeChain, FakeElement, FakeRule, FakeSet, FakeStore, FakeTable } from './store.ts'

/** A change as a notification reports it. */
export type Change =
  | { readonly what: 'table'; readonly isNew: boolean; readonly table: FakeTable }
  | { readonly what: 'chain'; readonly isNew: boolean; readonly table: FakeTable; readonly chain: FakeChain }
  | {
      readonly what: 'rule'
      readonly isNew: boolean
      readonly table: FakeTable
      readonly chain: FakeChain
      readonly rule: FakeRule
    }
  | { readonly what: 'set'; readonly isNew: boolean; readonly table: FakeTable; readonly set: FakeSet }
  | {
      readonly what: 'element'
      readonly isNew: boolean
      readonly table: FakeTable
      readonly set: FakeSet
      readonly element: FakeElement
    }

/** One thing that a batch asks for, in words; elements one by one. */
export interface FakeOperation {
  /** `add element`, `delete chain` ... */
  readonly operation: string
  readonly family: 'ip' | 'ip6' | 'other'
  readonly table: string
  /** The set or chain; empty when the table itself is meant. */
  readonly object: string
  /** The element's key in hex, with a `-` in front for the end of a range; undefined for everything else. */
  readonly key: string | undefined
}

/** A transaction while it is carried out. */
export interface Attempt {
  readonly store: FakeStore
  /** Sets made in this batch, by the number that the batch gives them. */
  readonly sets: Map<number, FakeSet>
  /** What was done so far; the kernel counts a generation only if there is something. */
  readonly changes: Change[]
  /** Asks whether a test wants this refused. @throws Refused */
  readonly check: (operation: FakeOperation, offset: number) => void
}

/** The family and name of a table, for people. */
export function placeOf({ family, name }: Pick<FakeTable, 'family' | 'name'>): Pick<FakeOperation, 'family' | 'table'> {
  return { family: family === NFPROTO.ip ? 'ip' : family === NFPROTO.ip6 ? 'ip6' : 'other', table: name }
}
