import { TextTransaction } from '../../kernel/nftables/text.ts'
import { FAMILIES } from '../../model/ip.ts'
import { runInSlices } from '../../observe/event-loop.ts'
import type { DataPlane, PlaneChanges, PlaneCounts, PlaneProblem } from '../../virtual-server/data-plane.ts'
import { Destinations } from '../../virtual-server/destinations.ts'
import { emitChanges, emitTable } from './apply.ts'
import { ClassTable } from './classes.ts'
import { countsOf, familyState, type TrafficOptions } from './family-state.ts'
import { type Leftovers, mergeNodeState, type NodeState, type RenderedState } from './render.ts'

/** As if the kernel held nothing. */
function noLeftovers(): Leftovers {
  return {
    classes: new ClassTable(),
    poolOf: () => undefined,
    wholePoolOf: () => undefined,
    endpointsOf: () => [],
  }
}

/**
 * Prints what the nftables plane would do, as text that `nft -f` takes: first whole tables, then every change. Needs no
 * root, and does not look at the kernel.
 */
export class DryRunPlane implements DataPlane {
  readonly name = 'nft (dry run)'
  readonly failedFamilies = []
  readonly #options: TrafficOptions
  readonly #print: (text: string) => void
  readonly #destinations = new Destinations()
  /** Empty before the first changes. */
  #states: readonly RenderedState[] = []
  #node: NodeState = {}
  #transactions = 0

  constructor(options: TrafficOptions & { readonly print: (text: string) => void }) {
    this.#options = options
    this.#print = options.print
  }

  async apply(changes: PlaneChanges): Promise<void> {
    const winners = this.#destinations.update(changes)
    this.#node = mergeNodeState(this.#node, changes)
    const transaction = new TextTransaction()
    if (this.#transactions === 0 || changes.podCIDRs !== undefined) await this.#printAll(transaction, changes.podCIDRs)
    else {
      for (const state of this.#states) {
        emitChanges(transaction, state.layout, state.update(winners[state.layout.family], changes))
      }
    }
    if (transaction.operations === 0) return
    this.#transactions++
    this.#print(transaction.toString())
  }

  async #printAll(transaction: TextTransaction, clusterCIDRs = this.#options.clusterCIDRs): Promise<void> {
    const winners = this.#destinations.winners()
    this.#states = FAMILIES.map((family) => familyState(family, { ...this.#options, clusterCIDRs }))
    for (const state of this.#states) {
      await state.load(noLeftovers(), winners[state.layout.family], this.#node)
      // An existing table is replaced: added first, so that the deletion cannot fail.
      transaction.addTable(state.layout.table)
      transaction.deleteTable(state.layout.table)
      await runInSlices(emitTable(transaction, state))
    }
  }

  async check(): Promise<void> {
    return Promise.resolve()
  }

  problems(): readonly PlaneProblem[] {
    return [...this.#destinations.problems(), ...this.#states.flatMap((state) => [...state.problems])]
  }

  counts(): PlaneCounts {
    return {
      ...countsOf(this.#states),
      transactions: this.#transactions,
      driftRepaired: 0,
    }
  }

  async close(): Promise<void> {
    return Promise.resolve()
  }
}
