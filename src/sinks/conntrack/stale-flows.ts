import { ConntrackConnection } from '../../kernel/conntrack/connection.ts'
import { IPPROTO_UDP } from '../../kernel/conntrack/constants.ts'
import { ConntrackError } from '../../kernel/conntrack/error.ts'
import type { FlowKey } from '../../kernel/conntrack/flow.ts'
import { FAMILIES, type Family, type IpAddress } from '../../model/ip.ts'
import type { ServiceKey } from '../../model/service.ts'
import { Slices } from '../../observe/event-loop.ts'
import type { PlaneChanges } from '../../virtual-server/data-plane.ts'
import type { VirtualServer } from '../../virtual-server/virtual-server.ts'
import { UdpState } from './destinations.ts'
import { isStale } from './stale.ts'

export interface StaleFlowsOptions {
  readonly connection?: ConntrackConnection
  /** Told when a cleanup failed. It is tried again with the next one, unless the kernel cannot do it at all. */
  readonly log: (message: string, error: unknown) => void
}

/** Numbers for the status. */
export interface StaleFlowsCounts {
  /** Entries deleted since the start. */
  readonly deleted: number
  /** Of the last cleanup, in milliseconds; 0 before the first. */
  readonly lastDuration: number
}

/**
 * Deletes the connection-tracking entries of UDP flows that go to an endpoint which does not serve any more: rules are asked
 * only for the first packet of a flow, and a UDP client that sends on never begins a new one.
 */
export class StaleFlows {
  readonly #connection: ConntrackConnection
  readonly #log: StaleFlowsOptions['log']
  readonly #state = new UdpState()
  /** What the data plane was given, but may not have committed. */
  readonly #announced = new Map<ServiceKey, readonly VirtualServer[]>()
  #announcedAddresses: readonly IpAddress[] | undefined
  /** Families to be looked at. */
  readonly #due = new Set<Family>(FAMILIES)
  #isUnsupported = false
  #deleted = 0
  #lastDuration = 0
  #tail: Promise<void> = Promise.resolve()

  /** @throws NetlinkError */
  constructor(options: StaleFlowsOptions) {
    this.#connection = options.connection ?? ConntrackConnection.open()
    this.#log = options.log
  }

  /** To be called before the data plane is given the changes; nothing is done with them before {@link apply}. */
  announce({ services, nodeAddresses }: PlaneChanges): void {
    for (const [key, servers] of services) this.#announced.set(key, servers)
    this.#announcedAddresses = nodeAddresses ?? this.#announcedAddresses
  }

  /**
   * To be called when the data plane has committed what was announced, and before it is given more; after a commit that
   * failed only when one succeeded that made up for it. Never fails; lists a family's entries once when one of its UDP
   * destinations changed, and with the first call.
   *
   * A packet that was on its way through the old rules while the commit happened may have made an entry after the list
   * went past its place. Listing before the commit would miss every flow that begins in between; in this order, what
   * begins after the commit obeys the new rules, so that only packets within the kernel at that very moment remain. The
   * next list finds what they left, or {@link check} does.
   */
  async apply(): Promise<void> {
    await this.#exclusive(async () => {
      await this.#takeAnnounced()
      await this.#clean()
    })
  }

  /** Looks at all entries, whatever changed. Not to be called while the data plane commits. Never fails. */
  async check(): Promise<void> {
    await this.#exclusive(async () => {
      this.#markDue(FAMILIES)
      await this.#clean()
    })
  }

  counts(): StaleFlowsCounts {
    return { deleted: this.#deleted, lastDuration: this.#lastDuration }
  }

  async close(): Promise<void> {
    await this.#tail
    this.#connection.close()
  }

  async #takeAnnounced(): Promise<void> {
    if (this.#announcedAddresses !== undefined) this.#markDue(this.#state.setNodeAddresses(this.#announcedAddresses))
    this.#announcedAddresses = undefined
    const slices = new Slices()
    for (const [key, servers] of this.#announced) {
      this.#announced.delete(key)
      this.#markDue(this.#state.setService(key, servers))
      if (slices.due()) await slices.pause()
    }
  }

  #markDue(families: Iterable<Family>): void {
    for (const family of families) this.#due.add(family)
  }

  async #clean(): Promise<void> {
    const start = performance.now()
    let listed = false
    for (const family of [...this.#due]) {
      const { addresses, nodePorts, gone } = this.#state.families[family]
      const isNeeded = !addresses.isEmpty || nodePorts.size > 0 || !gone.isEmpty
      if (isNeeded && !this.#isUnsupported) {
        listed = true
        if (!(await this.#cleanFamily(family))) continue
      }
      gone.clear()
      this.#due.delete(family)
    }
    if (listed) this.#lastDuration = performance.now() - start
  }

  /** @returns false when it has to be tried again. */
  async #cleanFamily(family: Family): Promise<boolean> {
    try {
      const { deleted, failure } = await this.#connection.deleteFlows(await this.#list(family))
      this.#deleted += deleted
      if (failure !== undefined) throw failure
      return true
    } catch (error) {
      this.#isUnsupported = error instanceof ConntrackError && error.code === 'CONNTRACK_UNSUPPORTED'
      const next = this.#isUnsupported ? 'UDP clients keep endpoints that are gone' : 'it is tried again'
      this.#log(`stale IPv${family} UDP flows could not be deleted; ${next}`, error)
      return false
    }
  }

  async #list(family: Family): Promise<FlowKey[]> {
    const destinations = this.#state.families[family]
    const stale: FlowKey[] = []
    const slices = new Slices()
    for await (const flows of this.#connection.flows(family, IPPROTO_UDP)) {
      for (const flow of flows) if (isStale(flow, destinations)) stale.push(flow.key())
      if (slices.due()) await slices.pause()
    }
    return stale
  }

  async #exclusive(work: () => Promise<void>): Promise<void> {
    const result = this.#tail.then(work)
    this.#tail = result.catch(() => undefined)
    await result
  }
}
