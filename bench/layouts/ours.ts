import { TextTransaction } from '../../src/kernel/nftables/text.ts'
import type { Transaction } from '../../src/kernel/nftables/transaction.ts'
import type { Table } from '../../src/kernel/nftables/types.ts'
import type { Family } from '../../src/model/ip.ts'
import { emitChanges, emitTable } from '../../src/sinks/nft/apply.ts'
import type { RenderedState } from '../../src/sinks/nft/render.ts'
import { destinationKey, type VirtualServer } from '../../src/virtual-server/virtual-server.ts'
import { firstState } from '../support/services.ts'
import type { Candidate } from './candidate.ts'

/** What Sluice does: 20 bits of pool, and a 12-bit number of the treatment. */
export class Ours implements Candidate {
  readonly name: string
  readonly family: Family
  readonly table: Table
  #state: RenderedState | undefined

  constructor(family: Family) {
    this.name = family === 4 ? 'Sluice' : 'Sluice, IPv6'
    this.family = family
    this.table = { family: family === 4 ? 'ip' : 'ip6', name: 'sluice' }
  }

  structure(): Promise<string> {
    return this.tableFor([])
  }

  /** The table with these Services and with the chains of their pools, which the bare structure has up to 32 slots only. */
  async tableFor(servers: readonly VirtualServer[]): Promise<string> {
    const text = new TextTransaction()
    for (const _ of emitTable(text, await firstState(servers, this.family)));
    return text.toString()
  }

  async fill(transaction: Transaction, servers: readonly VirtualServer[]): Promise<void> {
    const state = await firstState(servers, this.family)
    this.#state = state
    for (const element of state.elements()) {
      // The empty table has these already.
      if (element.set !== state.layout.sets.podCIDRs) transaction.addElement(this.table, element.set, element)
    }
  }

  change(transaction: Transaction, before: VirtualServer | undefined, after: VirtualServer | undefined): void {
    const server = before ?? after
    if (server === undefined || this.#state === undefined) throw new TypeError('nothing to change')
    const changes = this.#state.update(new Map([[destinationKey(server), after]]))
    emitChanges(transaction, this.#state.layout, changes)
  }
}
