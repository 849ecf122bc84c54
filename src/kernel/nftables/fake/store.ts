import type { SetShape } from '../set-encode.ts'
import type { Verdict } from '../verdict.ts'

/** One element as it was given, and what is needed to compare and find it. */
export interface FakeElement {
  /** The key in hex; the end mark of a range has a `-` in front, and a concatenated range is `KEY/KEY_END`. */
  readonly id: string
  /** The attributes of the element, undecoded. */
  readonly attributes: Buffer
  /** Data in hex, or a verdict as nft writes it; empty in a plain set. */
  readonly data: string
  /** The chain that a verdict goes to. */
  readonly target: FakeChain | undefined
}

export interface FakeSet extends SetShape {
  readonly name: string
  readonly handle: number
  readonly elements: Map<string, FakeElement>
  /** Rules that refer to it. */
  uses: number
}

export interface FakeRule {
  readonly handle: number
  /** The kernel's expression list, undecoded, with the real names of anonymous sets. */
  readonly expressions: Buffer
  /** Undefined when there is none. */
  readonly userdata: Buffer | undefined
  readonly targets: readonly FakeChain[]
  readonly sets: readonly FakeSet[]
}

export interface FakeBase {
  readonly type: string
  readonly hooknum: number
  readonly priority: number
  readonly policy: number
}

export interface FakeChain {
  readonly name: string
  readonly handle: number
  /** Undefined for a chain without a hook. */
  readonly base: FakeBase | undefined
  rules: readonly FakeRule[]
  /** Rules and verdict elements that jump or go to it. */
  uses: number
}

export interface FakeTable {
  /** NFPROTO_*. */
  readonly family: number
  readonly name: string
  readonly handle: number
  /** NFT_TABLE_F_*. Kept, but everybody may change every table here. */
  flags: number
  readonly chains: Map<string, FakeChain>
  readonly sets: Map<string, FakeSet>
}

/** The ruleset of one network namespace, and a journal by which a transaction that fails is taken back. */
export class FakeStore {
  readonly #tables = new Map<string, FakeTable>()
  #undo: (() => void)[] = []
  #handles = 0

  get tables(): Iterable<FakeTable> {
    return this.#tables.values()
  }

  table(family: number, name: string): FakeTable | undefined {
    return this.#tables.get(tableKey(family, name))
  }

  nextHandle(): number {
    return ++this.#handles
  }

  addTable(table: FakeTable): void {
    this.put(this.#tables, tableKey(table.family, table.name), table)
  }

  removeTable(table: FakeTable): void {
    this.take(this.#tables, tableKey(table.family, table.name))
  }

  put<T>(map: Map<string, T>, key: string, value: T): void {
    map.set(key, value)
    this.#undo.push(() => map.delete(key))
  }

  take<T>(map: Map<string, T>, key: string): void {
    const value = map.get(key)
    if (value === undefined || !map.delete(key)) return
    this.#undo.push(() => map.set(key, value))
  }

  setRules(chain: FakeChain, rules: readonly FakeRule[]): void {
    const before = chain.rules
    chain.rules = rules
    this.#undo.push(() => (chain.rules = before))
  }

  count(object: FakeChain | FakeSet, uses: 1 | -1): void {
    object.uses += uses
    this.#undo.push(() => (object.uses -= uses))
  }

  /** Keeps everything that was changed since the last commit. */
  commit(): void {
    this.#undo = []
  }

  /** Takes back everything that was changed since the last commit. */
  abort(): void {
    for (const undo of this.#undo.reverse()) undo()
    this.#undo = []
  }
}

/** True when the verdict names a chain. */
export function targetName(verdict: Verdict): string | undefined {
  return 'chain' in verdict ? verdict.chain : undefined
}

function tableKey(family: number, name: string): string {
  return `${family} ${name}`
}
