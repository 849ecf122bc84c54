import { setTimeout as delay } from 'node:timers/promises'
import { NftablesConnection } from '../../kernel/nftables/connection.ts'
import { NftablesError } from '../../kernel/nftables/error.ts'
import type { Table } from '../../kernel/nftables/types.ts'
import { NftablesWatch, type Watched } from '../../kernel/nftables/watch.ts'
import { type Cidr, FAMILIES, type Family } from '../../model/ip.ts'
import { Backoff } from '../../observe/backoff.ts'
import { Slices } from '../../observe/event-loop.ts'
import type {
  DataPlane,
  PlaneChanges,
  PlaneCounts,
  PlaneObserver,
  PlaneProblem,
} from '../../virtual-server/data-plane.ts'
import { Destinations, noWinners, type Winners } from '../../virtual-server/destinations.ts'
import { forgetClients, type IsStale, staleAfter } from './affinity.ts'
import { type Commit, commitChanges, setsOf, syncTable } from './apply.ts'
import { countsOf, familyState, type TrafficOptions } from './family-state.ts'
import { leftoversOf } from './leftovers.ts'
import { type ReadBack, readBack } from './read-back.ts'
import { mergeNodeState, type NodeState, type RenderedState } from './render.ts'

export interface NftPlaneOptions extends TrafficOptions {
  readonly connection?: NftablesConnection
  readonly watch?: (tables: readonly Table[], portId: number) => NftablesWatch
  /** How often to look for notifications of foreign changes. Milliseconds; 200 by default, 0 for never. */
  readonly watchInterval?: number
  /** Told when drift was repaired and when a repair failed; errors of `apply` are thrown. */
  readonly log?: (message: string, error?: unknown) => void
  readonly observer?: PlaneObserver | undefined
}

const WATCH_INTERVAL_MS = 200
/** How long to wait for the notifications of a generation that is there already. */
const SETTLE_MS = 100
const STALE_ATTEMPTS = 50
/** A transaction with more operations makes more notifications than are worth reading. */
const QUIET_OPERATIONS = 2000

/** One family of the plane; one failing leaves the other running (promise 99). */
interface FamilyPlane {
  readonly family: Family
  state: RenderedState
  /** The kernel may differ from the state: read back and compare before the next change. */
  needsSync: boolean
  /** The last `apply` succeeded for it. */
  isInLine: boolean
  /** The attempt at hand compares with what is in the kernel. */
  isFullSync: boolean
  refused: PlaneProblem[]
}

/** The nftables data plane: every Service is elements of maps and sets, never a rule. */
export class NftPlane implements DataPlane {
  readonly name = 'nft'
  readonly #connection: NftablesConnection
  readonly #watch: NftablesWatch
  readonly #families: readonly FamilyPlane[]
  readonly #destinations = new Destinations()
  readonly #options: TrafficOptions
  readonly #log: (message: string, error?: unknown) => void
  readonly #observer: PlaneObserver | undefined
  readonly #timer: NodeJS.Timeout | undefined
  #node: NodeState = {}
  #generation = 0
  #checkedGeneration: number | undefined
  #transactions = 0
  #driftRepaired = 0
  #isFirst = true
  #isRepairing = false
  readonly #repairBackoff = new Backoff()
  #repairNotBefore = 0
  #isBusy = false
  #tail: Promise<unknown> = Promise.resolve()

  /** @throws NetlinkError when the kernel has no netfilter netlink, or without CAP_NET_ADMIN */
  constructor(options: NftPlaneOptions) {
    this.#connection = options.connection ?? NftablesConnection.open()
    this.#log = options.log ?? (() => {})
    this.#observer = options.observer
    this.#options = options
    this.#families = FAMILIES.map((family) => ({
      family,
      state: familyState(family, options),
      needsSync: true,
      isInLine: false,
      isFullSync: false,
      refused: [],
    }))
    const tables = this.#families.map(({ state }) => state.layout.table)
    const watch = options.watch ?? ((watched, portId) => new NftablesWatch(watched, portId))
    this.#watch = watch(tables, this.#connection.portId)
    const interval = options.watchInterval ?? WATCH_INTERVAL_MS
    if (interval > 0) {
      this.#timer = setInterval(() => {
        this.#lookForDrift()
      }, interval)
    }
  }

  async apply(changes: PlaneChanges): Promise<void> {
    await this.#exclusive(async () => {
      const start = performance.now()
      for (const plane of this.#families) plane.isInLine = false
      const winners = await this.#updateDestinations(changes)
      this.#node = mergeNodeState(this.#node, changes)
      const failures: unknown[] = []
      const sharedMs = performance.now() - start
      for (const plane of this.#families) {
        try {
          await this.#observed(plane, sharedMs, async () => this.#applyFamily(plane, winners[plane.family], changes))
          plane.isInLine = true
        } catch (error) {
          failures.push(error)
        }
      }
      this.#isFirst = false
      this.#watch.start()
      if (failures.length === 1) throw failures[0]
      if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('; '))
    })
  }

  get failedFamilies(): readonly Family[] {
    return this.#families.filter(({ isInLine }) => !isInLine).map(({ family }) => family)
  }

  problems(): readonly PlaneProblem[] {
    const lost = this.#destinations.problems()
    return [...lost, ...this.#families.flatMap(({ state, refused }) => [...state.problems, ...refused])]
  }

  counts(): PlaneCounts {
    return {
      ...countsOf(this.#families.map(({ state }) => state)),
      transactions: this.#transactions,
      driftRepaired: this.#driftRepaired,
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#tail
    this.#watch.stop()
    this.#connection.close()
  }

  /** Reads everything back if anybody wrote since the last time, we or others, and repairs what differs. */
  async check(): Promise<void> {
    const generation = await this.#connection.generation()
    const isComplete = this.#families.every(({ refused }) => refused.length === 0)
    if (generation === this.#checkedGeneration && isComplete) return
    for (const plane of this.#families) plane.needsSync = true
    await this.apply({ services: new Map(), nodeAddresses: undefined })
    this.#checkedGeneration = this.#generation
  }

  /** Does it, and tells the observer how it went. */
  async #observed<T>(plane: FamilyPlane, sharedMs: number, work: () => Promise<T>): Promise<T> {
    const start = performance.now()
    let isInLine = false
    plane.isFullSync = false
    try {
      const result = await work()
      isInLine = true
      return result
    } finally {
      const durationMs = sharedMs + performance.now() - start
      this.#observer?.synced(plane.family, { durationMs, isFull: plane.isFullSync, isInLine })
    }
  }

  /** Service by Service, so that a whole cluster does not hold the event loop. */
  async #updateDestinations({ services }: PlaneChanges): Promise<Readonly<Record<Family, Winners>>> {
    const winners = noWinners()
    const slices = new Slices()
    for (const [key, servers] of services) {
      this.#destinations.updateService(key, servers, winners)
      if (slices.due()) await slices.pause()
    }
    return winners
  }

  async #applyFamily(plane: FamilyPlane, winners: Winners, changed: PlaneChanges): Promise<void> {
    if (changed.podCIDRs !== undefined) this.#layOut(plane, changed.podCIDRs)
    if (this.#isFirst || changed.podCIDRs !== undefined) {
      await this.#load(plane, this.#isFirst ? winners : this.#destinations.winners()[plane.family])
      return
    }
    const changes = await plane.state.updateInSlices(winners, changed)
    if (plane.needsSync) {
      await this.#sync(plane)
      await this.#forgetStale(plane)
      return
    }
    if (changes.chains.length + changes.removed.length + changes.added.length === 0) return
    const { layout } = plane.state
    try {
      await commitChanges(this.#commit, layout, changes, (problem) => plane.refused.push(problem))
      if (changes.forgotten.length > 0) await this.#forget(plane, staleAfter(changes.forgotten))
    } catch (error) {
      plane.needsSync = true
      if (!isKernelRefusal(error)) throw error
      this.#log(
        `${layout.table.family} ${layout.table.name} is not as it was left; it is read back and repaired`,
        error,
      )
      await this.#sync(plane)
      await this.#forgetStale(plane)
    }
  }

  /** Other pod addresses may mean other rules, so the state is made anew; what is in the kernel is taken over. */
  #layOut(plane: FamilyPlane, clusterCIDRs: readonly Cidr[]): void {
    plane.state = familyState(plane.family, { ...this.#options, clusterCIDRs })
    plane.needsSync = true
  }

  /** Takes over what an earlier run left in the kernel, and brings it in line with the first state. */
  async #load(plane: FamilyPlane, winners: Winners): Promise<void> {
    const { state } = plane
    const nothing: ReadBack = { state: undefined, elements: new Map(), generation: 0 }
    let read: ReadBack | undefined
    try {
      read = await this.#readBack(plane)
    } finally {
      // The state is kept also when the kernel cannot be read, for the next attempt.
      await state.load(leftoversOf(state.layout, read ?? nothing), winners, this.#node)
    }
    await this.#sync(plane, read)
    await this.#forgetStale(plane)
  }

  /** Clients must not keep endpoints that went while nobody looked. */
  async #forgetStale(plane: FamilyPlane): Promise<void> {
    const isMember = plane.state.membership()
    await this.#forget(plane, (pool, endpoint) => !isMember(pool, endpoint))
  }

  async #forget({ family, state: { layout } }: FamilyPlane, isStale: IsStale): Promise<void> {
    try {
      await forgetClients(this.#connection, this.#commit, layout, isStale)
    } catch (error) {
      this.#observer?.cleanupFailed(family)
      throw error
    }
  }

  /**
   * Brings the kernel in line with the state.
   *
   * @param present what is there, when it has just been read.
   * @returns true when something had to be changed.
   */
  async #sync(plane: FamilyPlane, present?: ReadBack): Promise<boolean> {
    plane.isFullSync = true
    plane.state.compact()
    plane.refused = []
    const report = (problem: PlaneProblem) => plane.refused.push(problem)
    let read = present ?? (await this.#readBack(plane))
    for (let attempt = 1; ; attempt++) {
      // What somebody else does from here on makes it true again.
      plane.needsSync = false
      try {
        return await syncTable(this.#connection, this.#commit, plane.state, read, report)
      } catch (error) {
        plane.needsSync = true
        const isStale = error instanceof NftablesError && error.code === 'NFT_STALE'
        if (!isStale || attempt >= STALE_ATTEMPTS) throw error
        read = await this.#readBack(plane)
      }
    }
  }

  async #readBack({ state }: FamilyPlane): Promise<ReadBack> {
    // Listening from before the read on, so that no change is missed in between.
    this.#watch.start()
    this.#poll()
    const read = await readBack(this.#connection, state.layout.table, setsOf(state.layout))
    this.#generation = read.generation
    return read
  }

  /** Commits against the generation that we know; a foreign commit that did not touch our tables does not matter. */
  readonly #commit: Commit = async (build) => {
    for (let attempt = 1; ; attempt++) {
      const batch = await build()
      if (batch.operations === 0) return
      const isQuiet = batch.operations > QUIET_OPERATIONS && this.#watch.active
      if (isQuiet) this.#watch.stop()
      const start = performance.now()
      try {
        await this.#connection.commit(batch, this.#generation)
        this.#observer?.committed(performance.now() - start)
        this.#generation = (this.#generation + 1) >>> 0
        this.#transactions++
        if (isQuiet) await this.#listenAgain()
        return
      } catch (error) {
        // What came while nobody listened is not known.
        if (isQuiet) this.#syncAll()
        const isStale = error instanceof NftablesError && error.code === 'NFT_STALE'
        if (!isStale || isQuiet || attempt >= STALE_ATTEMPTS || !(await this.#isForeignOnly())) throw error
      }
    }
  }

  async #listenAgain(): Promise<void> {
    this.#watch.start()
    if ((await this.#connection.generation()) !== this.#generation) this.#syncAll()
  }

  #syncAll(): void {
    this.#watch.start()
    for (const plane of this.#families) plane.needsSync = true
  }

  /** Takes the notifications that have arrived; families that somebody else touched are read back before the next change. */
  #poll(): Watched {
    const seen = this.#watch.poll()
    for (const plane of this.#families) {
      if (seen.overrun || seen.touched.has(plane.state.layout.table)) plane.needsSync = true
    }
    return seen
  }

  /** Somebody committed: find out whether it concerned us. */
  async #isForeignOnly(): Promise<boolean> {
    const generation = await this.#connection.generation()
    const deadline = performance.now() + SETTLE_MS
    for (;;) {
      const seen = this.#poll()
      if (seen.overrun || seen.touched.size > 0) return false
      if (seen.generation !== undefined && !isBefore(seen.generation, generation)) {
        this.#generation = seen.generation
        return true
      }
      if (performance.now() > deadline) return false
      await delay(1)
    }
  }

  #lookForDrift(): void {
    // Work that is under way looks at the notifications itself.
    if (!this.#watch.active || this.#isFirst || this.#isBusy) return
    const seen = this.#poll()
    if (!this.#families.some((plane) => plane.needsSync)) {
      this.#generation = seen.generation ?? this.#generation
      return
    }
    if (this.#isRepairing || performance.now() < this.#repairNotBefore) return
    this.#isRepairing = true
    void this.#exclusive(async () => {
      let failed = false
      // One after the other, since they share the generation that was read.
      for (const plane of this.#families) if (plane.needsSync && !(await this.#repair(plane))) failed = true
      if (!failed) this.#repairBackoff.reset()
      this.#repairNotBefore = failed ? performance.now() + this.#repairBackoff.next() : 0
      this.#isRepairing = false
    })
  }

  /** @returns false when it has to be tried again. */
  async #repair(plane: FamilyPlane): Promise<boolean> {
    const { family, name } = plane.state.layout.table
    try {
      if (await this.#observed(plane, 0, async () => this.#sync(plane))) {
        this.#driftRepaired++
        this.#log(`table ${family} ${name} was changed by somebody else; repaired`)
      }
      return true
    } catch (error) {
      this.#log(`table ${family} ${name} could not be repaired; it is tried again`, error)
      return false
    }
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(async () => {
      this.#isBusy = true
      try {
        return await work()
      } finally {
        this.#isBusy = false
      }
    })
    this.#tail = result.catch(() => undefined)
    return result
  }
}

/** Generations are 32-bit numbers that wrap around. */
function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0
}

function isKernelRefusal(error: unknown): boolean {
  return error instanceof NftablesError && error.code !== 'NFT_UNSUPPORTED'
}
