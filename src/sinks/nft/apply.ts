import { NetlinkBatch } from '../../kernel/nftables/batch.ts'
import type { NftablesConnection } from '../../kernel/nftables/connection.ts'
import { NftablesError, type Refusal } from '../../kernel/nftables/error.ts'
import { refusalText } from '../../kernel/nftables/refusal.ts'
import type { Transaction } from '../../kernel/nftables/transaction.ts'
import type { NftSet, Rule } from '../../kernel/nftables/types.ts'
import { runInSlices } from '../../observe/event-loop.ts'
import type { PlaneProblem } from '../../virtual-server/data-plane.ts'
import type { SetElement } from './elements.ts'
import type { Layout } from './layout.ts'
import { compareElements, compareStructure, type ReadBack, type StructureDifference } from './read-back.ts'
import type { RenderedState, TableChanges } from './render.ts'

/** How many times elements at fault are taken out of a transaction before it is given up. */
const NARROWING_ROUNDS = 64
/** Errors that mean that the table is not what we take it for. */
const DRIFT = new Set(['EEXIST', 'ENOENT'])

/** Elements that are written in one step. */
const ELEMENTS_A_STEP = 16

/** A commit whose transaction may be built more than once. */
export type Commit = (build: () => NetlinkBatch | Promise<NetlinkBatch>) => Promise<void>

type Report = (problem: PlaneProblem) => void

/** What the kernel refused: `OPERATION SET KEY`. */
type RefusedElements = ReadonlySet<string>

/** The sets of a layout in the order in which they are made. */
export function setsOf(layout: Layout): readonly NftSet[] {
  return Object.values(layout.sets) as NftSet[]
}

/** Writes a whole table into a transaction, as if there were none; one step at each iteration. */
export function* emitTable(
  transaction: Transaction,
  state: RenderedState,
  refused: RefusedElements = new Set(),
): Generator<void> {
  const { layout } = state
  const chains = [...state.ownChains()]
  transaction.addTable(layout.table)
  for (const set of setsOf(layout)) transaction.addSet(layout.table, set)
  for (const chain of layout.chains) transaction.addChain(layout.table, chain)
  for (const name of chains) transaction.addChain(layout.table, { name })
  for (const rule of [...layout.rules, ...chains.flatMap(layout.ownRules)]) transaction.addRule(layout.table, rule)
  let count = 0
  for (const element of state.passingElements()) {
    if (refused.size > 0 && isRefused(refused, 'add element', element)) continue
    transaction.addElement(layout.table, element.set, element)
    if (++count % ELEMENTS_A_STEP === 0) yield
  }
}

/** Writes changes into a transaction: chains first, then what goes, then what comes. */
export function emitChanges(transaction: Transaction, layout: Layout, changes: TableChanges): void {
  for (const _ of changeSteps(transaction, layout, changes));
}

/** The same, one step at each iteration. */
function* changeSteps(transaction: Transaction, layout: Layout, changes: TableChanges): Generator<void> {
  for (const name of changes.chains) transaction.addChain(layout.table, { name })
  for (const name of changes.chains) {
    // The chain may be left from a class that has gone; its rules must not double.
    transaction.flushChain(layout.table, name)
    for (const rule of layout.ownRules(name)) transaction.addRule(layout.table, rule)
  }
  for (const element of bySet(changes.removed)) {
    yield
    transaction.deleteElement(layout.table, element.set, element)
  }
  for (const element of bySet(changes.added)) {
    yield
    transaction.addElement(layout.table, element.set, element)
  }
}

/** Commits changes; elements that the kernel refuses are left out and reported, the rest goes in. */
export async function commitChanges(
  commit: Commit,
  layout: Layout,
  changes: TableChanges,
  report: Report,
): Promise<void> {
  await commitNarrowed(commit, report, async (refused) => {
    const batch = new NetlinkBatch()
    await runInSlices(changeSteps(batch, layout, without(changes, refused)))
    return batch
  })
}

/**
 * Brings a table in line with the state, whatever is there.
 *
 * @returns false when nothing had to be done.
 */
export async function syncTable(
  connection: NftablesConnection,
  commit: Commit,
  state: RenderedState,
  read: ReadBack,
  report: Report,
): Promise<boolean> {
  const { layout } = state
  const chains = [...state.ownChains()]
  const wanted = {
    sets: setsOf(layout),
    chains: [...layout.chains, ...chains.map((name) => ({ name }))],
    rules: [...layout.rules, ...chains.flatMap(layout.ownRules)],
  }
  const structure = await compareStructure(connection, layout.table, wanted, read)
  if (structure.replace) {
    await replaceTable(commit, state, report)
    return true
  }
  const elements = await compareElements(state.elements(), read, wanted.sets)
  const { addChains, rewrite, deleteChains } = structure
  const structureChanges = addChains.length + rewrite.length + deleteChains.length + Number(structure.adopt)
  if (structureChanges + elements.removed.length + elements.added.length === 0) return false
  try {
    if (structureChanges === 0) await commitChanges(commit, layout, { chains: [], ...elements }, report)
    else {
      await commitNarrowed(commit, report, (refused) => {
        return structureBatch(layout, wanted.rules, structure, without({ chains: [], ...elements }, refused))
      })
    }
  } catch (error) {
    if (!(error instanceof NftablesError && error.code === 'NFT_REFUSED')) throw error
    await replaceTable(commit, state, report)
  }
  return true
}

/** Deletes the table and makes it anew, in one transaction: no packet sees it missing. */
async function replaceTable(commit: Commit, state: RenderedState, report: Report): Promise<void> {
  await commitNarrowed(commit, report, async (refused) => {
    const batch = new NetlinkBatch()
    const { isOwned: _, ...table } = state.layout.table
    // Added first, so that the deletion cannot fail; as it is, since a table's owner cannot be given to it later.
    batch.addTable(table)
    batch.deleteTable(table)
    await runInSlices(emitTable(batch, state, refused))
    return batch
  })
}

function structureBatch(
  layout: Layout,
  rules: readonly Rule[],
  structure: StructureDifference,
  changes: TableChanges,
): NetlinkBatch {
  const batch = new NetlinkBatch()
  const rewrite = new Set(structure.rewrite)
  if (structure.adopt) batch.addTable(layout.table)
  for (const chain of structure.addChains) batch.addChain(layout.table, chain)
  for (const chain of rewrite) batch.flushChain(layout.table, chain)
  for (const rule of rules) if (rewrite.has(rule.chain)) batch.addRule(layout.table, rule)
  emitChanges(batch, layout, changes)
  for (const chain of structure.deleteChains) batch.flushChain(layout.table, chain)
  for (const chain of structure.deleteChains) batch.deleteChain(layout.table, chain)
  return batch
}

/** Groups elements by set, so that those of one set share a message. */
function bySet(elements: readonly SetElement[]): readonly SetElement[] {
  if (elements.length < 2) return elements
  const groups = new Map<NftSet, SetElement[]>()
  for (const element of elements) {
    const group = groups.get(element.set)
    if (group === undefined) groups.set(element.set, [element])
    else group.push(element)
  }
  return [...groups.values()].flat()
}

/** Commits what `build` makes without the elements that were refused, until there is nothing more to leave out. */
async function commitNarrowed(
  commit: Commit,
  report: Report,
  build: (refused: RefusedElements) => NetlinkBatch | Promise<NetlinkBatch>,
): Promise<void> {
  const refused = new Set<string>()
  for (let round = 0; ; round++) {
    try {
      await commit(() => build(refused))
      return
    } catch (error) {
      const refusals = round < NARROWING_ROUNDS ? refusedElements(error) : []
      const sizeBefore = refused.size
      for (const refusal of refusals) {
        refused.add(`${refusal.operation} ${refusal.object} ${refusal.key?.toString('hex')}`)
      }
      if (refused.size === sizeBefore) throw error
      for (const refusal of refusals)
        report({ object: refusal.comment || refusal.object, message: refusalText(refusal) })
    }
  }
}

/** The elements that the kernel refused; empty when leaving them out is no cure. */
function refusedElements(error: unknown): readonly Refusal[] {
  if (!(error instanceof NftablesError) || error.code !== 'NFT_REFUSED') return []
  const isElement = (refusal: Refusal) => refusal.key !== undefined && !DRIFT.has(refusal.errno)
  return error.refusals.every(isElement) ? error.refusals : []
}

function without(changes: TableChanges, refused: RefusedElements): TableChanges {
  if (refused.size === 0) return changes
  return {
    chains: changes.chains,
    removed: changes.removed.filter((element) => !isRefused(refused, 'delete element', element)),
    added: changes.added.filter((element) => !isRefused(refused, 'add element', element)),
  }
}

/** Of a range the kernel may refuse the end. */
function isRefused(refused: RefusedElements, operation: string, { set, key, intervalEnd }: SetElement): boolean {
  return [key, intervalEnd].some(
    (part) => part && refused.has(`${operation} ${set.name} ${Buffer.from(part).toString('hex')}`),
  )
}
