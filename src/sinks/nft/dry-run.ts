import { TextTransaction } from '../../kernel/nftables/text.ts'
import { type Cidr, FAMILIES } from '../../model/ip.ts'
import { runInSlices } from '../../observe/event-loop.ts'
import type { DataPlane, PlaneChanges, PlaneCounts, PlaneProblem } from '../../virtual-server/data-plane.ts'
import { Destinations } from '../../virtual-server/destinations.ts'
import { emitChanges, emitTable } from './apply.ts'
import { ClassTable } from './classes.ts'
import { countsOf, familyState } from './family-state.ts'

/**
 * Prints what the nftables plane would do, as text that `nft -f` takes: first whole tables, then every change. Needs no
 * root, and does not look at the kernel.
 */
export class DryRunPlane implements DataPlane {
  readonly name = 'nft (dry run)'
  readonly failedFamilies = []
  readonly #states
  readonly #destinations = new Destinations()
  readonly #print: (text: string) => void
  #transactions = 0

  constructor(options: { readonly clusterCIDRs: readonly Cidr[]; readonly print: (text: string) => void }) {
    this.#states = FAMILIES.map((family) => familyState(family, options.clusterCIDRs))
    this.#print = options.print
  }

  async apply(changes: PlaneChanges): Promise<void> {
    const winners = this.#destinations.update(changes)
    const isFirst = this.#transactions === 0
    const transaction = new TextTransaction()
    for (const state of this.#states) {
      const ofFamily = winners[state.layout.family]
      if (isFirst) {
        const nothing = {
          classes: new ClassTable(),
          poolOf: () => undefined,
          wholePoolOf: () => undefined,
          endpointsOf: () => [],
        }
        await state.load(nothing, ofFamily, changes.nodeAddresses)
        // An existing table is replaced: added first, so that the deletion cannot fail.
        transaction.addTable(state.layout.table)
        transaction.deleteTable(state.layout.table)
        await runInSlices(emitTable(transaction, state))
      } else emitChanges(transaction, state.layout, state.update(ofFamily, changes.nodeAddresses))
    }
    if (transaction.operations === 0) return
    this.#transactions++
    this.#print(transaction.toString())
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
