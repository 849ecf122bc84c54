import type { Chain, Element, NftSet, Rule, Table } from './types.ts'

/**
 * What can be said in one atomic change. Two things implement it: {@link NetlinkBatch} for the kernel and
 * {@link TextTransaction} for the eye (`nft -f` takes it).
 */
export interface Transaction {
  /** Number of operations; an element counts as one. 0 means that there is nothing to commit. */
  readonly operations: number
  /** Creates the table, or leaves it as it is. */
  addTable(table: Table): void
  /** Deletes the table with all that is in it. */
  deleteTable(table: Table): void
  /** Creates the chain, or leaves it as it is. */
  addChain(table: Table, chain: Chain): void
  /** Deletes the chain's rules and then the chain; nothing may refer to it any more. */
  deleteChain(table: Table, chain: string): void
  /** Deletes all rules of a chain. */
  flushChain(table: Table, chain: string): void
  /** Appends a rule. */
  addRule(table: Table, rule: Rule): void
  addSet(table: Table, set: NftSet): void
  /** Deletes a set with its elements; no rule may refer to it any more. */
  deleteSet(table: Table, set: string): void
  /** Adds an element; the kernel refuses a key that is there already with other data (EEXIST). */
  addElement(table: Table, set: NftSet, element: Element): void
  /** Deletes an element, which must be there (ENOENT otherwise). */
  deleteElement(table: Table, set: NftSet, element: Element): void
}
