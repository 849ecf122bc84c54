import { type AnonymousUse, sameAnonymous, sameChain, sameRule, sameSet } from '../../kernel/nftables/compare.ts'
import type { NftablesConnection, TableState } from '../../kernel/nftables/connection.ts'
import { NFT_TABLE_F } from '../../kernel/nftables/constants.ts'
import type { ReadElement, ReadRule } from '../../kernel/nftables/decode.ts'
import { type Chain, type NftSet, type Rule, type Table } from '../../kernel/nftables/types.ts'
import { shortenComment } from '../../kernel/nftables/userdata.ts'
import { formatVerdict, type Verdict } from '../../kernel/nftables/verdict.ts'
import { Slices } from '../../observe/event-loop.ts'
import type { SetElement } from './elements.ts'

/** What a table holds at present. */
export interface ReadBack {
  /** Undefined when there is no table. */
  readonly state: TableState | undefined
  /** Elements by set name and by key in hex; the end marks of ranges with a `-` in front of the key. */
  readonly elements: ReadonlyMap<string, Map<string, ReadElement>>
  /** The ruleset's generation when it was read. */
  readonly generation: number
}

/** How often a read is repeated because somebody wrote meanwhile. */
const READ_ATTEMPTS = 20

/** Reads a whole table so that all of it is of one generation. */
export async function readBack(
  connection: NftablesConnection,
  table: Table,
  sets: readonly NftSet[],
): Promise<ReadBack> {
  for (let attempt = 1; ; attempt++) {
    const generation = await connection.generation()
    const state = await connection.readTable(table)
    const elements = new Map<string, Map<string, ReadElement>>()
    for (const set of sets) {
      const ofSet = new Map<string, ReadElement>()
      elements.set(set.name, ofSet)
      // What rules fill is not ours to compare.
      if (state === undefined || set.dynamic !== undefined) continue
      await connection.readElements(table, set.name, (element) => ofSet.set(elementKey(element), element))
    }
    if ((await connection.generation()) === generation || attempt >= READ_ATTEMPTS) {
      return { state, elements, generation }
    }
  }
}

function elementKey({ isIntervalEnd, key, keyEnd }: ReadElement): string {
  return `${isIntervalEnd ? '-' : ''}${hexKey(key, keyEnd)}`
}

/** The key in hex; of a concatenation with ranges both ends. */
function hexKey(key: Uint8Array, keyEnd: Uint8Array | undefined): string {
  const start = Buffer.from(key).toString('hex')
  return keyEnd === undefined ? start : `${start}/${Buffer.from(keyEnd).toString('hex')}`
}

/** A set whose ranges are pairs of elements: a start and an end mark. */
function hasEndMarks(set: NftSet): boolean {
  return set.interval === true && set.key.length === 1
}

/** What must be done to the structure of a table: its sets, chains and rules. */
export interface StructureDifference {
  /** The table is missing, or so different that it is deleted and made anew, in one transaction. */
  readonly replace: boolean
  /** The table is as it should be, but nobody's: it is to be taken over. */
  readonly adopt: boolean
  readonly addChains: readonly Chain[]
  /** Chains whose rules are written again. */
  readonly rewrite: readonly string[]
  readonly deleteChains: readonly string[]
}

/** Compares a table's structure with what it has to be. */
export async function compareStructure(
  connection: NftablesConnection,
  table: Table,
  wanted: { readonly sets: readonly NftSet[]; readonly chains: readonly Chain[]; readonly rules: readonly Rule[] },
  { state }: ReadBack,
): Promise<StructureDifference> {
  const nothing = { replace: false, adopt: false, addChains: [], rewrite: [], deleteChains: [] }
  const flags = table.isOwned === true ? NFT_TABLE_F.PERSIST : 0
  const isOurs = state !== undefined && (state.flags & ~NFT_TABLE_F.OWNER) === flags
  if (!isOurs || !sameDeclarations(wanted, state)) return { ...nothing, replace: true }
  const present = new Map(state.chains.map((chain) => [chain.name, chain]))
  const addChains = wanted.chains.filter((chain) => !present.has(chain.name))
  const names = new Set(wanted.chains.map((chain) => chain.name))
  const rewrite: string[] = []
  for (const chain of wanted.chains) {
    const ours = wanted.rules.filter((rule) => rule.chain === chain.name)
    const kernel = state.rules.filter((rule) => rule.chain === chain.name)
    if (!(await sameRules(connection, table, ours, kernel))) rewrite.push(chain.name)
  }
  const deleteChains = [...present.keys()].filter((name) => !names.has(name))
  const adopt = table.isOwned === true && (state.flags & NFT_TABLE_F.OWNER) === 0
  return { replace: false, adopt, addChains, rewrite, deleteChains }
}

/** Sets and base chains cannot be changed in place. */
function sameDeclarations(
  wanted: { readonly sets: readonly NftSet[]; readonly chains: readonly Chain[] },
  state: TableState,
): boolean {
  const sets = state.sets.filter((set) => !set.name.startsWith('__'))
  if (sets.length !== wanted.sets.length) return false
  const byName = new Map(sets.map((set) => [set.name, set]))
  const chains = new Map(state.chains.map((chain) => [chain.name, chain]))
  return (
    wanted.sets.every((set) => {
      const kernel = byName.get(set.name)
      return kernel !== undefined && sameSet(set, kernel)
    }) &&
    wanted.chains.every((chain) => {
      const kernel = chains.get(chain.name)
      return kernel === undefined || sameChain(chain, kernel)
    })
  )
}

async function sameRules(
  connection: NftablesConnection,
  table: Table,
  ours: readonly Rule[],
  kernel: readonly ReadRule[],
): Promise<boolean> {
  if (ours.length !== kernel.length) return false
  const uses: AnonymousUse[] = []
  for (const [index, rule] of ours.entries()) {
    const other = kernel[index]
    const found = other && sameRule(table.family, rule, other)
    if (found === undefined) return false
    uses.push(...found)
  }
  for (const use of uses) {
    const elements: ReadElement[] = []
    await connection.readElements(table, use.name, (element) => elements.push(element))
    if (!sameAnonymous(use, elements)) return false
  }
  return true
}

/** Elements that are in the kernel and should not be, and the other way round. */
export interface ElementDifference {
  readonly removed: SetElement[]
  readonly added: SetElement[]
}

/**
 * Compares elements: what is too much or different goes, and what is missing or different comes. Uses up the read-back's
 * elements, since a large table should not be held twice.
 */
export async function compareElements(
  wanted: Iterable<SetElement>,
  { elements }: ReadBack,
  sets: readonly NftSet[],
): Promise<ElementDifference> {
  const removed: SetElement[] = []
  const added: SetElement[] = []
  const ranges: SetElement[] = []
  const slices = new Slices()
  for (const element of wanted) {
    if (slices.due()) await slices.pause()
    if (hasEndMarks(element.set)) {
      ranges.push(element)
      continue
    }
    const ofSet = elements.get(element.set.name)
    const key = hexKey(element.key, element.keyEnd)
    const present = ofSet?.get(key)
    ofSet?.delete(key)
    if (present !== undefined && sameElement(element, present)) continue
    if (present !== undefined) removed.push(asElement(element.set, present))
    added.push(element)
  }
  for (const set of sets) {
    const left = elements.get(set.name) ?? new Map<string, ReadElement>()
    if (hasEndMarks(set)) {
      compareRanges(
        ranges.filter((range) => range.set === set),
        set,
        left,
        { removed, added },
      )
    } else for (const element of left.values()) removed.push(asElement(set, element))
  }
  return { removed, added }
}

/** What is needed to delete an element. */
function asElement(set: NftSet, { key, keyEnd }: ReadElement): SetElement {
  return { set, key, ...(keyEnd ? { keyEnd } : undefined) }
}

/** Ranges are few, so they are replaced all together when one differs. */
function compareRanges(
  wanted: readonly SetElement[],
  set: NftSet,
  kernel: ReadonlyMap<string, ReadElement>,
  changes: ElementDifference,
): void {
  const marks = wanted.flatMap(({ key, intervalEnd }) => {
    const start = Buffer.from(key).toString('hex')
    return intervalEnd === undefined ? [start] : [start, `-${Buffer.from(intervalEnd).toString('hex')}`]
  })
  // nft puts an end mark at the first address there is, which ends nothing.
  const present = [...kernel].filter(([, { key, isIntervalEnd }]) => !isIntervalEnd || key.some((byte) => byte !== 0))
  if (marks.length === present.length && marks.every((mark) => kernel.has(mark))) return
  const ends = [...kernel.values()].filter((element) => element.isIntervalEnd).map((element) => element.key)
  ends.sort((a, b) => Buffer.compare(a, b))
  for (const { key, isIntervalEnd } of kernel.values()) {
    if (isIntervalEnd) continue
    const intervalEnd = ends.find((end) => Buffer.compare(end, key) > 0)
    changes.removed.push({ set, key, ...(intervalEnd ? { intervalEnd } : undefined) })
  }
  changes.added.push(...wanted)
}

function sameElement(ours: SetElement, kernel: ReadElement): boolean {
  return sameData(ours.data, kernel.data) && shortenComment(ours.comment ?? '') === kernel.comment
}

function sameData(ours: Uint8Array | Verdict | undefined, kernel: Buffer | Verdict | undefined): boolean {
  if (ours === undefined || kernel === undefined) return ours === kernel
  if (ours instanceof Uint8Array) return Buffer.isBuffer(kernel) && kernel.equals(ours)
  return !Buffer.isBuffer(kernel) && formatVerdict(ours) === formatVerdict(kernel)
}
