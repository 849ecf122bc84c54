import { NetlinkBatch } from '../../kernel/nftables/batch.ts'
import type { NftablesConnection } from '../../kernel/nftables/connection.ts'
import { NftablesError, type Refusal } from '../../kernel/nftables/error.ts'
import { refusalText } from '../../kernel/nftables/refusal.ts'
import type { Transaction } from '../../kernel/nftables/transaction.ts'
import type { NftSet, Rule } from '../../kernel/nftables/types.ts'
import { runInSlices } from '../../observe/event-loop.ts'
import type { PlaneProblem } from '../../virtual-server/data-plane.ts'
import type { SetElement } from './elements.ts'
import { type Layout, pickChainName, pickRules } from './layout.ts'
import {
  compareElements,
  compareStructure,
  type ElementDifference,
  type ReadBack,
  type StructureDifference,
} from './read-back.ts'
import type { RenderedChanges, RenderedState } from './render.ts'

/** How many times elements at fault are taken out of a transaction before it is given up. */
const NARROWING_ROUNDS = 64
/** Errors that mean that the table is not what we take it for. */
const DRIFT = new Set(['EEXIST', 'ENOENT'])

/** A commit whose transaction may be built more than once. */
export type Commit = (build: () => NetlinkBatch | Promise<NetlinkBatch>) => Promise<void>

/** The sets of a layout in the order in which they are made. */
export function setsOf(layout: Layout): readonly NftSet[] {
  return Object.values(layout.sets) as NftSet[]
}

/** Writes a whole table into a transaction, as if there were none; one step at each iteration. */
export function* emitTable(transaction: Transaction, state: RenderedState): Generator<void> {
  const { layout } = state
  const picks = [...state.picks()]
  transaction.addTable(layout.table)
  for (const set of setsOf(layout)) transaction.addSet(layout.table, set)
  for (const chain of layout.chains) transaction.addChain(layout.table, chain)
  for (const slots of picks) transaction.addChain(layout.table, { name: pickChainName(slots) })
  for (const rule of [...layout.rules, ...picks.flatMap(pickRules)]) transaction.addRule(layout.table, rule)
  for (const element of state.elements()) yield transaction.addElement(layout.table, element.set, element)
}

/** Writes changes into a transaction: chains first, then what goes, then what comes. */
export function emitChanges(transaction: Transaction, layout: Layout, changes: RenderedChanges): void {
  for (const slots of changes.picks) {
    const name = pickChainName(slots)
    transaction.addChain(layout.table, { name })
    // The chain may be left from a pool that has gone; its rules must not double.
    transaction.flushChain(layout.table, name)
    for (const rule of pickRules(slots)) transaction.addRule(layout.table, rule)
  }
  for (const element of bySet(changes.removed)) transaction.deleteElement(layout.table, element.set, element)
  for (const element of bySet(changes.added)) transaction.addElement(layout.table, element.set, element)
}

/** Commits changes; elements that the kernel refuses are left out and reported, the rest goes in. */
export async function commitChanges(
  commit: Commit,
  layout: Layout,
  changes: RenderedChanges,
  report: (problem: PlaneProblem) => void,
): Promise<void> {
  let left = changes
  for (let round = 0; ; round++) {
    try {
      await commit(() => {
        const batch = new NetlinkBatch()
        emitChanges(batch, layout, left)
        return batch
      })
      return
    } catch (error) {
      const refused = round < NARROWING_ROUNDS ? refusedElements(error) : undefined
      if (refused === undefined) throw error
      left = without(left, refused, report)
    }
  }
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
  report: (problem: PlaneProblem) => void,
): Promise<boolean> {
  const { layout } = state
  const picks = [...state.picks()]
  const wanted = {
    sets: setsOf(layout),
    chains: [...layout.chains, ...picks.map((slots) => ({ name: pickChainName(slots) }))],
    rules: [...layout.rules, ...picks.flatMap(pickRules)],
  }
  const structure = await compareStructure(connection, layout.table, wanted, read)
  if (structure.replace) {
    await replaceTable(commit, state)
    return true
  }
  const elements = await compareElements(state.elements(), read, wanted.sets)
  const structureChanges = structure.addChains.length + structure.rewrite.length + structure.deleteChains.length
  if (structureChanges + elements.removed.length + elements.added.length === 0) return false
  try {
    if (structureChanges === 0) await commitChanges(commit, layout, { picks: [], ...elements }, report)
    else await commit(() => structureBatch(layout, wanted.rules, structure, elements))
  } catch (error) {
    if (!(error instanceof NftablesError && error.code === 'NFT_REFUSED')) throw error
    await replaceTable(commit, state)
  }
  return true
}

/** Deletes the table and makes it anew, in one transaction: no packet sees it missing. */
async function replaceTable(commit: Commit, state: RenderedState): Promise<void> {
  await commit(async () => {
    const batch = new NetlinkBatch()
    // Added first, so that the deletion cannot fail.
    batch.addTable(state.layout.table)
    batch.deleteTable(state.layout.table)
    await runInSlices(emitTable(batch, state))
    return batch
  })
}

function structureBatch(
  layout: Layout,
  rules: readonly Rule[],
  structure: StructureDifference,
  elements: ElementDifference,
): NetlinkBatch {
  const batch = new NetlinkBatch()
  const rewrite = new Set(structure.rewrite)
  for (const chain of structure.addChains) batch.addChain(layout.table, chain)
  for (const chain of rewrite) batch.flushChain(layout.table, chain)
  for (const rule of rules) if (rewrite.has(rule.chain)) batch.addRule(layout.table, rule)
  emitChanges(batch, layout, { picks: [], ...elements })
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

/** The elements that the kernel refused; undefined when leaving them out is no cure. */
function refusedElements(error: unknown): Refusal[] | undefined {
  if (!(error instanceof NftablesError) || error.code !== 'NFT_REFUSED') return undefined
  const isElement = (refusal: Refusal) => refusal.key !== undefined && !DRIFT.has(refusal.errno)
  return error.refusals.length > 0 && error.refusals.every(isElement) ? [...error.refusals] : undefined
}

function without(
  changes: RenderedChanges,
  refused: readonly Refusal[],
  report: (problem: PlaneProblem) => void,
): RenderedChanges {
  const keys = new Set(refused.map((refusal) => `${refusal.object} ${refusal.key?.toString('hex')}`))
  for (const refusal of refused) report({ object: refusal.comment || refusal.object, message: refusalText(refusal) })
  const isLeft = (element: SetElement) => !keys.has(`${element.set.name} ${Buffer.from(element.key).toString('hex')}`)
  return { picks: changes.picks, removed: changes.removed.filter(isLeft), added: changes.added.filter(isLeft) }
}
