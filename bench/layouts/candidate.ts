import { DATA_TYPES } from '../../src/kernel/nftables/datatype.ts'
import { TextTransaction } from '../../src/kernel/nftables/text.ts'
import type { Transaction } from '../../src/kernel/nftables/transaction.ts'
import type { Element, NftSet, Table } from '../../src/kernel/nftables/types.ts'
import { type Family, ipBytes } from '../../src/model/ip.ts'
import type { VirtualServer } from '../../src/virtual-server/virtual-server.ts'

/** One way of holding Services in nftables. It keeps what numbers it gave, so one instance belongs to one table. */
export interface Candidate {
  readonly name: string
  readonly family: Family
  readonly table: Table
  /** The table without any Service, as `nft -f` takes it. */
  structure(): Promise<string>
  /** The elements of these Services, into a table that has none. */
  fill(transaction: Transaction, servers: readonly VirtualServer[]): Promise<void>
  /** The elements that differ when one Service comes, changes or goes. */
  change(transaction: Transaction, before: VirtualServer | undefined, after: VirtualServer | undefined): void
}

/** Pools of up to this many endpoints have a chain in the drafts; ours has its standing ones. */
export const DRAFT_SLOTS = 8

/** The whole table with its Services as `nft -f` takes it. */
export async function tableText(candidate: Candidate, servers: readonly VirtualServer[]): Promise<string> {
  const elements = new TextTransaction()
  await candidate.fill(elements, servers)
  return `${await candidate.structure()}\n${elements.toString()}`
}

const CLUSTER_IPS: NftSet = { name: 'clusterips', key: [DATA_TYPES.ipv4_addr] }

/** What the two drafts have in common: the front end's element changes with the number of endpoints. */
export abstract class DraftCandidate implements Candidate {
  abstract readonly name: string
  abstract readonly table: Table
  readonly family = 4
  protected abstract readonly frontEnds: NftSet
  protected abstract readonly endpoints: NftSet

  abstract structure(): Promise<string>
  protected abstract frontEnd(server: VirtualServer): Element
  protected abstract slot(server: VirtualServer, slot: number): Element

  async fill(transaction: Transaction, servers: readonly VirtualServer[]): Promise<void> {
    const { table } = this
    // Set by set, so that elements share messages.
    for (const server of servers) transaction.addElement(table, CLUSTER_IPS, clusterIP(server))
    for (const server of servers) {
      for (const slot of server.pool.endpoints.keys())
        transaction.addElement(table, this.endpoints, this.slot(server, slot))
    }
    for (const server of servers) transaction.addElement(table, this.frontEnds, this.frontEnd(server))
  }

  change(transaction: Transaction, before: VirtualServer | undefined, after: VirtualServer | undefined): void {
    const { table, frontEnds, endpoints } = this
    const [old, now] = [before?.pool.endpoints ?? [], after?.pool.endpoints ?? []]
    const changed = (slot: number) => old[slot]?.address !== now[slot]?.address
    const isNewFrontEnd = old.length !== now.length
    if (before !== undefined) {
      if (isNewFrontEnd) transaction.deleteElement(table, frontEnds, this.frontEnd(before))
      for (const slot of [...old.keys()].filter(changed))
        transaction.deleteElement(table, endpoints, this.slot(before, slot))
      if (after === undefined) transaction.deleteElement(table, CLUSTER_IPS, clusterIP(before))
    }
    if (after !== undefined) {
      if (before === undefined) transaction.addElement(table, CLUSTER_IPS, clusterIP(after))
      for (const slot of [...now.keys()].filter(changed))
        transaction.addElement(table, endpoints, this.slot(after, slot))
      if (isNewFrontEnd) transaction.addElement(table, frontEnds, this.frontEnd(after))
    }
  }
}

function clusterIP({ address }: VirtualServer): Element {
  if (address === undefined) throw new TypeError('the drafts here have cluster IPs only')
  return { key: ipBytes(address) }
}
