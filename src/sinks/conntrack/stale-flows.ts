import { ConntrackConnection } from '../../kernel/conntrack/connection.ts'
import { IPPROTO_UDP } from '../../kernel/conntrack/constants.ts'
import { ConntrackError } from '../../kernel/conntrack/error.ts'
import { type FlowKey, rawAddress } from '../../kernel/conntrack/flow.ts'
import { FAMILIES, type Family, type IpAddress, ipBytes } from '../../model/ip.ts'
import type { ServiceKey } from '../../model/service.ts'
import { Slices } from '../../observe/event-loop.ts'
import type { PlaneChanges } from '../../virtual-server/data-plane.ts'
import type { VirtualServer } from '../../virtual-server/virtual-server.ts'
import { endpointKey, UdpState } from './destinations.ts'
import { isStale } from './stale.ts'

export interface StaleFlowsOptions {
  readonly connection?: ConntrackConnection
  /** Told when a cleanup failed. It is tried again with the next one, unless the kernel cannot do it at all. */
  readonly log: (message: string, error: unknown) => void
  /** Told of each time that a family's entries were looked through, and how many were deleted. */
  readonly onCleaned?: ((family: Family, durationMs: number, deleted: number) => void) | undefined
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
  readonly #onCleaned: StaleFlowsOptions['onCleaned']
  readonly #state = new UdpState()
  /** What the data plane was given, but may not have committed. */
  readonly #announced = new Map<ServiceKey, readonly VirtualServer[]>()
  #announcedAddresses: readonly IpAddress[] | undefined
  /** Families to be looked at. */
  readonly #due = new Set<Family>(FAMILIES)
  /** Endpoints that were announced since the listing in progress began; undefined while there is none. */
  #announcedMeanwhile: Set<string> | undefined
  /** Families to be looked at once what is announced now is applied. */
  readonly #dueNext = new Set<Family>()
  #isUnsupported = false
  #deleted = 0
  #lastDuration = 0
  #cleaning: Promise<void> | undefined

  /** @throws NetlinkError */
  constructor(options: StaleFlowsOptions) {
    this.#connection = options.connection ?? ConntrackConnection.open()
    this.#log = options.log
    this.#onCleaned = options.onCleaned
  }

  /**
   * To be called before the data plane is given the changes; nothing is deleted for them before {@link apply}. From now on flows
   * may begin that go to the endpoints which are announced here.
   */
  announce({ services, nodeAddresses }: PlaneChanges): void {
    for (const [key, servers] of services) {
      this.#announced.set(key, servers)
      if (this.#announcedMeanwhile)
        for (const endpoint of servingEndpoints(servers)) this.#announcedMeanwhile.add(endpoint)
    }
    this.#announcedAddresses = nodeAddresses ?? this.#announcedAddresses
  }

  /**
   * To be called when the data plane has committed what was announced, and before more is announced; after a commit that failed
   * only when one succeeded that made up for it. From then on what became stale is deleted, beside everything else:
   * {@link settled} tells when that is done. Never fails; lists a family's entries once when one of its UDP destinations changed,
   * and with the first call.
   *
   * A packet that was on its way through the old rules while the commit happened may have made an entry after the list
   * went past its place. Listing before the commit would miss every flow that begins in between; in this order, what
   * begins after the commit obeys the new rules, so that only packets within the kernel at that very moment remain. The
   * next list finds what they left, or {@link check} does.
   */
  async apply(): Promise<void> {
    await this.#takeAnnounced()
    this.#markDue(this.#dueNext)
    this.#dueNext.clear()
    this.#startCleaning()
  }

  /** Looks at all entries, whatever changed; as {@link apply}, what is stale is deleted from then on. Never fails. */
  check(): void {
    this.#markDue(FAMILIES)
    this.#startCleaning()
  }

  /** Resolves when what had become stale is deleted, or could not be. */
  async settled(): Promise<void> {
    await this.#cleaning
  }

  counts(): StaleFlowsCounts {
    return { deleted: this.#deleted, lastDuration: this.#lastDuration }
  }

  async close(): Promise<void> {
    await this.settled()
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

  #startCleaning(): void {
    this.#cleaning ??= this.#clean().finally(() => {
      this.#cleaning = undefined
    })
  }

  /** Cleans one family after the other, also those that become due meanwhile; what fails waits for the next call. */
  async #clean(): Promise<void> {
    const failed = new Set<Family>()
    for (;;) {
      const family = FAMILIES.find((each) => this.#due.has(each) && !failed.has(each))
      if (family === undefined) return
      this.#due.delete(family)
      if (await this.#cleanFamily(family)) continue
      failed.add(family)
      this.#due.add(family)
    }
  }

  /** @returns false when it has to be tried again. */
  async #cleanFamily(family: Family): Promise<boolean> {
    const { addresses, nodePorts, gone } = this.#state.families[family]
    const isNeeded = !addresses.isEmpty || nodePorts.size > 0 || !gone.isEmpty
    if (isNeeded && !this.#isUnsupported && !(await this.#deleteStale(family))) return false
    // What was given up after the listing began is looked for in the next one.
    if (!this.#due.has(family)) gone.clear()
    return true
  }

  /** @returns false when it has to be tried again. */
  async #deleteStale(family: Family): Promise<boolean> {
    const start = performance.now()
    this.#announcedMeanwhile = new Set()
    try {
      const { deleted, failure } = await this.#connection.deleteFlows(
        await this.#list(family, this.#announcedMeanwhile),
      )
      this.#deleted += deleted
      this.#lastDuration = performance.now() - start
      this.#onCleaned?.(family, this.#lastDuration, deleted)
      if (failure !== undefined) throw failure
      return true
    } catch (error) {
      this.#isUnsupported = error instanceof ConntrackError && error.code === 'CONNTRACK_UNSUPPORTED'
      const next = this.#isUnsupported ? 'UDP clients keep endpoints that are gone' : 'it is tried again'
      this.#log(`stale IPv${family} UDP flows could not be deleted; ${next}`, error)
      return this.#isUnsupported
    } finally {
      this.#announcedMeanwhile = undefined
    }
  }

  /** The stale flows, but for those to endpoints that were announced while they were listed: they may just have begun. */
  async #list(family: Family, announcedMeanwhile: ReadonlySet<string>): Promise<FlowKey[]> {
    const destinations = this.#state.families[family]
    const stale: { readonly key: FlowKey; readonly endpoint: string }[] = []
    const slices = new Slices()
    for await (const flows of this.#connection.flows(family, IPPROTO_UDP)) {
      for (const flow of flows) {
        if (!isStale(flow, destinations)) continue
        stale.push({ key: flow.key(), endpoint: endpointKey(flow.replySource, flow.replySourcePort) })
      }
      if (slices.due()) await slices.pause()
    }
    const surelyStale = stale.filter(({ endpoint }) => !announcedMeanwhile.has(endpoint))
    if (surelyStale.length < stale.length) this.#dueNext.add(family)
    return surelyStale.map(({ key }) => key)
  }
}

function* servingEndpoints(servers: readonly VirtualServer[]): Generator<string> {
  for (const { serving } of servers) {
    for (const { address, port } of serving) yield endpointKey(rawAddress(ipBytes(address)), port)
  }
}
