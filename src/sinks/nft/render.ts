import type { NftSet } from '../../kernel/nftables/types.ts'
import { type Cidr, familyOf, type IpAddress } from '../../model/ip.ts'
import { runInSlices } from '../../observe/event-loop.ts'
import type { PlaneChanges, PlaneProblem } from '../../virtual-server/data-plane.ts'
import type { Winners } from '../../virtual-server/destinations.ts'
import {
  destinationKey,
  type Pool,
  type PoolEndpoint,
  servicePortName,
  type VirtualServer,
} from '../../virtual-server/virtual-server.ts'
import { ClassTable, ownChains, type Treatment, verdictsOf } from './classes.ts'
import { type Counted, countDown, countUp } from './counted.ts'
import {
  addressElement,
  cidrElement,
  destinationBytes,
  destinationLength,
  endpointBytes,
  endpointLength,
  hairpinElement,
  numberBytes,
  type SetElement,
  slotBytes,
  sourceRangeElement,
  verdictElement,
} from './elements.ts'
import { CLASS_BITS, CLASS_MASK, type Layout, MAX_CLASS, MAX_POOL_ID } from './layout.ts'
import { assignSlots, endpointKey, slotChanges } from './pool.ts'
import { outermost } from './ranges.ts'
import { slotCount } from './slots.ts'

/** What a table holds of the node itself; what is undefined stays as it was. */
export type NodeState = Partial<Pick<PlaneChanges, 'nodeAddresses' | 'serviceCIDRs'>>

export function mergeNodeState(before: NodeState, { nodeAddresses, serviceCIDRs }: NodeState): NodeState {
  return {
    nodeAddresses: nodeAddresses ?? before.nodeAddresses,
    serviceCIDRs: serviceCIDRs ?? before.serviceCIDRs,
  }
}

/** What an earlier run left in the kernel, so that the same numbers are used again and little has to change. */
export interface Leftovers {
  readonly classes: ClassTable
  /** Pool id that serves this destination; undefined when there is none. */
  readonly poolOf: (server: VirtualServer) => number | undefined
  /** Id of the pool that clients on this node use in place of this one; undefined when there is none. */
  readonly wholePoolOf: (poolId: number) => number | undefined
  /** The endpoints of a pool in the order of their slots. */
  readonly endpointsOf: (poolId: number) => readonly PoolEndpoint[]
}

/** What has to change in the kernel: first the chains, then the deletions, then the additions. */
export interface TableChanges {
  /** Chains that are needed and may not be there yet, in the order in which they can be made. */
  readonly chains: readonly string[]
  readonly removed: readonly SetElement[]
  readonly added: readonly SetElement[]
}

/** What an update comes to. */
export interface RenderedChanges extends TableChanges {
  /** Endpoints that clients must not keep any longer, because they left their pool or the pool is no more. */
  readonly forgotten: readonly Forgotten[]
}

/** What of `affinity` has to go. */
export interface Forgotten {
  /** Pool id, as the map's key has it. */
  readonly pool: number
  /** address . port; undefined when the whole pool is meant. */
  readonly endpoint: Buffer | undefined
}

/** The maps that hold destinations. */
const FRONT_END_SETS = ['services', 'nodePorts'] as const

/** Where clients on this node are led. */
interface Whole {
  /** Key of the pool. */
  readonly key: string
  /** Its id and class. */
  readonly value: number
}

interface PoolState {
  /** 1 to MAX_POOL_ID; 0 while the pool is empty and needs none. */
  id: number
  /** By slot. */
  endpoints: readonly PoolEndpoint[]
  /** Destinations that use it, and pools that lead to it. */
  users: number
  /** Destinations of this pool at which clients on this node are led to another one. */
  shortCircuits: number
  /** The pool that clients on this node use in its place, and the element's value. */
  whole: Whole | undefined
  /** Clients keep their endpoint. */
  hasAffinity: boolean
  readonly name: string
  /** Number of the update that last saw its endpoints: a pool of several destinations is looked at once. */
  updatedIn: number
}

interface FrontEnd {
  readonly server: VirtualServer
  /** Pool id and class, as the kernel has it. */
  readonly value: number
}

/** Where an update says what it changes; elements are made only if somebody wants them. */
interface ChangeSink {
  readonly isWanted: boolean
  chain(name: string): void
  forget(pool: number, endpoint: PoolEndpoint | undefined): void
  remove(make: () => SetElement): void
  add(make: () => SetElement): void
}

interface ElementStep {
  readonly isAdded: boolean
  readonly element: SetElement
}

/** Of the steps of one element only the first counts if it takes away what was there, and the last if it leaves something. */
function withoutRepeats(steps: readonly ElementStep[]): ElementStep[] {
  const ofElement = new Map<string, ElementStep[]>()
  for (const step of steps) {
    const { set, key, keyEnd = key } = step.element
    const id = `${set.name} ${Buffer.from(key).toString('hex')} ${Buffer.from(keyEnd).toString('hex')}`
    const others = ofElement.get(id)
    if (others === undefined) ofElement.set(id, [step])
    else others.push(step)
  }
  return [...ofElement.values()].flatMap((all) => {
    return all.filter(({ isAdded }, i) => i === (isAdded ? all.length - 1 : 0))
  })
}

class CollectedChanges implements ChangeSink {
  readonly isWanted = true
  readonly #chains: string[] = []
  readonly #forgotten: Forgotten[] = []
  readonly #steps: ElementStep[] = []

  chain(name: string): void {
    this.#chains.push(name)
  }

  forget(pool: number, endpoint: PoolEndpoint | undefined): void {
    this.#forgotten.push({ pool, endpoint: endpoint && endpointBytes(endpoint) })
  }

  remove(make: () => SetElement): void {
    this.#steps.push({ isAdded: false, element: make() })
  }

  add(make: () => SetElement): void {
    this.#steps.push({ isAdded: true, element: make() })
  }

  /** @param hasRepeats an element may have been added and removed again. */
  result(hasRepeats: boolean): RenderedChanges {
    const steps = hasRepeats ? withoutRepeats(this.#steps) : this.#steps
    const of = (wanted: boolean) => steps.flatMap(({ isAdded, element }) => (isAdded === wanted ? element : []))
    return { chains: this.#chains, forgotten: this.#forgotten, removed: of(false), added: of(true) }
  }
}

/** The first state is compared with the kernel as a whole; single changes are of no use. */
const IGNORED: ChangeSink = { isWanted: false, chain: () => {}, forget: () => {}, remove: () => {}, add: () => {} }

/**
 * What one family's table has to hold, kept up to date by what changed: every update gives the elements that differ, and
 * costs no more than they.
 */
export class RenderedState {
  readonly layout: Layout
  readonly #frontEnds = new Map<string, FrontEnd>()
  readonly #pools = new Map<string, PoolState>()
  readonly #poolIds = new Set<number>()
  readonly #clusterIPs: Counted<IpAddress> = new Map()
  readonly #hairpin: Counted<IpAddress> = new Map()
  readonly #podCIDRs: readonly Cidr[]
  /** Destinations for which there was no number left. */
  readonly #unserved = new Map<string, VirtualServer>()
  /** Some destination could not be served at some time of the present update. */
  #hasUnserved = false
  readonly #maxPoolId: number
  #classes = new ClassTable()
  #nodeIPs: ReadonlySet<IpAddress> = new Set()
  #serviceCIDRs: readonly Cidr[] = []
  #leftovers: Leftovers | undefined
  #nextPoolId = 1
  /** Over all pools. */
  #endpoints = 0
  #updates = 0
  /** Pools that may be without a user since the last update. */
  readonly #unused = new Set<string>()

  constructor(layout: Layout, options: { podCIDRs: readonly Cidr[]; maxPoolId?: number }) {
    this.layout = layout
    this.#podCIDRs = options.podCIDRs
    this.#maxPoolId = options.maxPoolId ?? MAX_POOL_ID
  }

  get counts(): { virtualServers: number; endpoints: number } {
    return { virtualServers: this.#frontEnds.size, endpoints: this.#endpoints }
  }

  get problems(): Iterable<PlaneProblem> {
    const isOutOfPools = this.#poolIds.size >= this.#maxPoolId
    const reason = isOutOfPools
      ? `all ${this.#maxPoolId} pools of its family are in use`
      : `all ${MAX_CLASS} ways of treatment of its family are in use`
    return [...this.#unserved.values()].map((server) => notServed(server, reason))
  }

  /** Takes the first state over, with the numbers that an earlier run left; the kernel is compared with it afterwards. */
  async load(leftovers: Leftovers, winners: Winners, node: NodeState): Promise<void> {
    this.#classes = leftovers.classes
    this.#leftovers = leftovers
    await runInSlices(this.#change(winners, node, IGNORED))
    this.#leftovers = undefined
  }

  /**
   * Takes over new winners of destinations.
   *
   * @param winners the virtual server that now has a destination; undefined when nobody has it.
   */
  update(winners: Winners, node: NodeState = {}): RenderedChanges {
    const steps = this.#update(winners, node)
    for (;;) {
      const { done, value } = steps.next()
      if (done === true) return value
    }
  }

  /** The same, letting others run in between: one Service may have thousands of ports. Not to be called again meanwhile. */
  async updateInSlices(winners: Winners, node: NodeState = {}): Promise<RenderedChanges> {
    return runInSlices(this.#update(winners, node))
  }

  *#update(winners: Winners, node: NodeState): Generator<void, RenderedChanges> {
    const changes = new CollectedChanges()
    this.#hasUnserved = this.#unserved.size > 0
    yield* this.#change(winners, node, changes)
    // The pool of a destination that cannot be served is made and dropped again.
    return changes.result(this.#hasUnserved)
  }

  /** Chains that the classes need and the layout does not have by itself, in the order in which they can be made. */
  ownChains(): Set<string> {
    return this.#classes.chains()
  }

  /** Tells whether a pool has an endpoint, for all pools as they are now. */
  membership(): (pool: number, endpoint: Buffer) => boolean {
    const members = new Map<number, ReadonlySet<string>>()
    for (const { id, hasAffinity, endpoints } of this.#pools.values()) {
      if (!hasAffinity) continue
      members.set(
        (id << CLASS_BITS) >>> 0,
        new Set(endpoints.map((endpoint) => endpointBytes(endpoint).toString('hex'))),
      )
    }
    return (pool, endpoint) => members.get(pool)?.has(endpoint.toString('hex')) === true
  }

  /** Forgets classes that no destination and no short circuit uses, once there are many. */
  compact(): void {
    if (!this.#classes.isCrowded) return
    const used = new Set<number>()
    for (const { value } of this.#frontEnds.values()) used.add(value & CLASS_MASK)
    for (const { whole } of this.#pools.values()) if (whole !== undefined) used.add(whole.value & CLASS_MASK)
    this.#classes.keepOnly(used)
  }

  /** Everything that the table has to hold, set by set. */
  *elements(): Generator<SetElement> {
    for (const element of this.passingElements()) {
      const { key, data } = element
      yield {
        ...element,
        key: Buffer.from(key),
        ...(data instanceof Uint8Array ? { data: Buffer.from(data) } : undefined),
      }
    }
  }

  /** The same, but an element is valid only until the next one: they share their bytes, which spares a lot of garbage. */
  *passingElements(): Generator<SetElement> {
    yield* this.#fewElements()
    const { sets, family } = this.layout
    const slotElement = {
      set: sets.endpoints,
      key: Buffer.alloc(8),
      data: Buffer.alloc(endpointLength(family)),
      comment: '',
    }
    for (const pool of this.#pools.values()) {
      const { endpoints } = pool
      for (let slot = 0; slot < endpoints.length; slot++) {
        const endpoint = endpoints[slot]
        if (endpoint === undefined) continue
        slotBytes(pool.id << CLASS_BITS, slot, slotElement.key)
        endpointBytes(endpoint, slotElement.data)
        slotElement.comment = slotComment(pool, slot)
        yield slotElement
      }
    }
    for (const kind of FRONT_END_SETS) {
      let element: { set: NftSet; key: Buffer; data: Buffer; comment: string } | undefined
      for (const { server, value } of this.#frontEndsIn(kind)) {
        element ??= {
          set: sets[kind],
          key: Buffer.alloc(destinationLength(server)),
          data: Buffer.alloc(4),
          comment: '',
        }
        destinationBytes(server, element.key)
        numberBytes(value, element.data)
        element.comment = servicePortName(server)
        yield element
      }
    }
  }

  /** The elements of the sets that are small. */
  *#fewElements(): Generator<SetElement> {
    const { sets } = this.layout
    for (const [index, { dispatch }] of this.#classes.entries()) yield verdictElement(sets.classes, index, dispatch)
    for (const [index, { pick }] of this.#classes.entries()) yield verdictElement(sets.picks, index, pick)
    for (const [index, { post }] of this.#classes.entries()) {
      if (post !== undefined) yield verdictElement(sets.postClasses, index, post)
    }
    for (const [index, { input }] of this.#classes.entries()) {
      if (input !== undefined) yield verdictElement(sets.inputClasses, index, input)
    }
    for (const [index, { allowed }] of this.#classes.entries()) {
      if (allowed !== undefined) yield verdictElement(sets.allowed, index, allowed)
    }
    for (const { server } of this.#frontEnds.values()) {
      if (server.sourceRanges.length === 0) continue
      for (const range of outermost(server.sourceRanges)) yield this.#sourceRangeElement(server, range)
    }
    for (const pool of this.#pools.values()) if (pool.whole) yield this.#wholeElement(pool, pool.whole)
    for (const cidr of this.#podCIDRs) yield cidrElement(sets.podCIDRs, cidr)
    for (const cidr of this.#serviceCIDRs) yield cidrElement(sets.serviceCIDRs, cidr)
    for (const address of this.#nodeIPs) yield addressElement(sets.nodeIPs, address)
    for (const address of this.#clusterIPs.keys()) yield addressElement(sets.clusterIPs, address)
    for (const address of this.#hairpin.keys()) yield hairpinElement(sets.hairpin, address)
  }

  *#frontEndsIn(kind: (typeof FRONT_END_SETS)[number]): Generator<FrontEnd> {
    for (const frontEnd of this.#frontEnds.values()) if (frontEndSet(frontEnd.server) === kind) yield frontEnd
  }

  /** Does one step at each iteration. */
  *#change(winners: Winners, { nodeAddresses, serviceCIDRs }: NodeState, changes: ChangeSink): Generator<void> {
    yield* this.#changeDestinations(winners, changes)
    if (this.#unserved.size > 0 && this.#poolIds.size < this.#maxPoolId) {
      // Ids have become free, so who had none tries again.
      yield* this.#changeDestinations(new Map(this.#unserved), changes)
    }
    if (nodeAddresses !== undefined) this.#updateNodeIPs(nodeAddresses, changes)
    if (serviceCIDRs !== undefined) this.#updateServiceCIDRs(serviceCIDRs, changes)
  }

  *#changeDestinations(winners: Winners, changes: ChangeSink): Generator<void> {
    const shortCircuited = new Map<string, VirtualServer>()
    for (const server of winners.values()) if (server?.shortCircuit) shortCircuited.set(server.pool.key, server)
    const update = ++this.#updates
    // Pools that have an id in the kernel come first, so that no new one takes it.
    for (const isLeft of this.#leftovers === undefined ? [false] : [true, false]) {
      for (const server of winners.values()) {
        if (server === undefined || this.#isUpdated(server.pool.key, update)) continue
        if (isLeft && !this.#leftovers?.poolOf(server)) continue
        yield this.#updatePool(server, server.pool, shortCircuited.has(server.pool.key), changes)
      }
    }
    for (const { pool, shortCircuit, ...server } of shortCircuited.values()) {
      if (shortCircuit === undefined || this.#isUpdated(shortCircuit.key, update)) continue
      const left = this.#leftovers?.wholePoolOf(this.#pools.get(pool.key)?.id ?? 0)
      yield this.#updatePool({ ...server, pool, shortCircuit }, shortCircuit, false, changes, left)
    }
    for (const server of shortCircuited.values()) this.#leadToWhole(server, changes)
    for (const [key, winner] of winners) yield this.#updateFrontEnd(key, winner, changes)
    this.#markUnused(winners)
    for (let pools = this.#takeUnused(); pools.length > 0; pools = this.#takeUnused()) {
      for (const pool of pools) this.#dropPool(pool, changes)
    }
  }

  #isUpdated(poolKey: string, update: number): boolean {
    return this.#pools.get(poolKey)?.updatedIn === update
  }

  /**
   * @param isShortCircuited the pool needs an id also while it is empty, since the way to the whole pool begins there.
   * @param left the id that an earlier run gave it; that of the destination's own pool unless told.
   */
  #updatePool(
    server: VirtualServer,
    { key, endpoints }: Pool,
    isShortCircuited: boolean,
    changes: ChangeSink,
    left = this.#leftovers?.poolOf(server),
  ): void {
    let pool = this.#pools.get(key)
    if (pool === undefined) {
      pool = {
        id: 0,
        endpoints: [],
        users: 0,
        shortCircuits: 0,
        whole: undefined,
        hasAffinity: false,
        name: servicePortName(server),
        updatedIn: 0,
      }
      this.#pools.set(key, pool)
    }
    pool.updatedIn = this.#updates
    const hadAffinity = pool.hasAffinity
    pool.hasAffinity = server.affinitySeconds > 0
    if (hadAffinity && !pool.hasAffinity) this.#forget(pool, undefined, changes)
    // Destinations that are not among those that change may still take the way to the whole pool.
    const needsId = endpoints.length > 0 || isShortCircuited || pool.shortCircuits > 0
    let before = pool.endpoints
    if (pool.id === 0 && needsId) {
      pool.id = this.#allocatePool(left)
      if (pool.id === 0) return
      before = this.#leftovers?.endpointsOf(pool.id) ?? before
    }
    this.#setEndpoints(pool, before, endpoints, changes)
    if (!needsId) this.#freePoolId(pool)
  }

  /** Leads clients on this node from a destination's pool to the one with all endpoints. */
  #leadToWhole({ pool: { key }, shortCircuit, masquerade, affinitySeconds }: VirtualServer, changes: ChangeSink): void {
    const pool = this.#pools.get(key)
    const whole = shortCircuit && this.#pools.get(shortCircuit.key)
    if (pool === undefined || shortCircuit === undefined || whole === undefined || pool.id === 0) return
    const slots = slotCount(whole.endpoints.length)
    const treatment: Treatment = {
      slots,
      whenEmpty: 'reject',
      masquerade,
      isShortCircuited: false,
      isRestricted: false,
      affinitySeconds,
    }
    const value = whole.id === 0 ? undefined : this.#valueOf(whole, treatment, changes)
    this.#setWhole(pool, value === undefined ? undefined : { key: shortCircuit.key, value }, changes)
  }

  #setWhole(pool: PoolState, whole: Whole | undefined, changes: ChangeSink): void {
    const before = pool.whole
    if (before?.key === whole?.key && before?.value === whole?.value) return
    if (before !== undefined) changes.remove(() => this.#wholeElement(pool, before))
    if (whole !== undefined) changes.add(() => this.#wholeElement(pool, whole))
    if (whole !== undefined) this.#use(whole.key, 1)
    if (before !== undefined) this.#use(before.key, -1)
    pool.whole = whole
  }

  #setEndpoints(
    pool: PoolState,
    before: readonly PoolEndpoint[],
    endpoints: readonly PoolEndpoint[],
    changes: ChangeSink,
  ): void {
    const { sets } = this.layout
    const slots = assignSlots(before, endpoints)
    for (const { slot, before: old, after } of changes.isWanted ? slotChanges(before, slots) : []) {
      if (old !== undefined) changes.remove(() => this.#slotElement(pool, slot, old))
      if (after !== undefined) changes.add(() => this.#slotElement(pool, slot, after))
    }
    if (pool.hasAffinity && changes.isWanted) this.#forgetGone(pool, before, slots, changes)
    // Counted up before down, so that an address that stays is not taken away and put back.
    for (const { mayBeHere, address } of slots) {
      if (mayBeHere && countUp(this.#hairpin, address)) changes.add(() => hairpinElement(sets.hairpin, address))
    }
    for (const { mayBeHere, address } of pool.endpoints) {
      if (mayBeHere && countDown(this.#hairpin, address)) changes.remove(() => hairpinElement(sets.hairpin, address))
    }
    this.#endpoints += slots.length - pool.endpoints.length
    pool.endpoints = slots
  }

  #updateFrontEnd(key: string, winner: VirtualServer | undefined, changes: ChangeSink): void {
    const before = this.#frontEnds.get(key)
    const after = winner === undefined ? undefined : this.#frontEnd(winner, changes)
    if (winner !== undefined && after === undefined) {
      this.#unserved.set(key, winner)
      this.#hasUnserved = true
    } else this.#unserved.delete(key)
    if (after !== undefined) this.#useBy(after.server, 1)
    if (before !== undefined) this.#useBy(before.server, -1)
    this.#updateClusterIP(before?.server, after?.server, changes)
    if (after === undefined) this.#frontEnds.delete(key)
    else this.#frontEnds.set(key, after)
    this.#updateSourceRanges(before?.server, after?.server, changes)
    const isSame = before?.value === after?.value && nameOf(before) === nameOf(after)
    if (isSame) return
    if (before !== undefined) changes.remove(() => this.#frontEndElement(before))
    if (after !== undefined) changes.add(() => this.#frontEndElement(after))
  }

  #frontEnd(server: VirtualServer, changes: ChangeSink): FrontEnd | undefined {
    const { shortCircuit, sourceRanges, whenEmpty, masquerade, affinitySeconds } = server
    const pool = this.#pools.get(server.pool.key)
    if (pool === undefined) throw new TypeError(`the pool of ${server.service} is not there`)
    const isShortCircuited = shortCircuit !== undefined
    const hasNoId = pool.id === 0 && (server.pool.endpoints.length > 0 || isShortCircuited)
    if (hasNoId || (isShortCircuited && pool.whole === undefined)) return undefined
    const slots = slotCount(pool.endpoints.length)
    const isRestricted = sourceRanges.length > 0
    const value = this.#valueOf(
      pool,
      { slots, whenEmpty, masquerade, isShortCircuited, isRestricted, affinitySeconds },
      changes,
    )
    return value === undefined ? undefined : { server, value }
  }

  /** The number that leads to a pool and its treatment; undefined when there is no class left. */
  #valueOf(pool: PoolState, treatment: Treatment, changes: ChangeSink): number | undefined {
    const found = this.#classes.indexOf(treatment)
    if (found === undefined) return undefined
    if (found.isNew) this.#addClass(found.index, treatment, changes)
    // Nobody looks for endpoints of an empty pool, so that its id does not matter; but a short circuit begins there.
    const id = treatment.slots > 0 || treatment.isShortCircuited ? pool.id : 0
    return ((id << CLASS_BITS) | found.index) >>> 0
  }

  #addClass(index: number, treatment: Treatment, changes: ChangeSink): void {
    const { sets } = this.layout
    const verdicts = verdictsOf(treatment)
    const { dispatch, allowed, pick, post, input } = verdicts
    for (const chain of ownChains(verdicts)) changes.chain(chain)
    changes.add(() => verdictElement(sets.classes, index, dispatch))
    if (allowed !== undefined) changes.add(() => verdictElement(sets.allowed, index, allowed))
    changes.add(() => verdictElement(sets.picks, index, pick))
    if (post !== undefined) changes.add(() => verdictElement(sets.postClasses, index, post))
    if (input !== undefined) changes.add(() => verdictElement(sets.inputClasses, index, input))
  }

  #updateSourceRanges(before: VirtualServer | undefined, after: VirtualServer | undefined, changes: ChangeSink): void {
    const isNamedAlike = before && after && servicePortName(before) === servicePortName(after)
    const [old, now] = [before?.sourceRanges ?? [], after?.sourceRanges ?? []]
    if (isNamedAlike && old.join() === now.join()) return
    if (before) for (const range of outermost(old)) changes.remove(() => this.#sourceRangeElement(before, range))
    if (after) for (const range of outermost(now)) changes.add(() => this.#sourceRangeElement(after, range))
  }

  #sourceRangeElement(server: VirtualServer, range: Cidr): SetElement {
    return sourceRangeElement(this.layout.sets.sourceRanges, server, range, servicePortName(server))
  }

  /** Cluster IPs are counted, since every port of a Service has the same one. */
  #updateClusterIP(before: VirtualServer | undefined, after: VirtualServer | undefined, changes: ChangeSink): void {
    const set = this.layout.sets.clusterIPs
    const added = clusterIP(after)
    const removed = clusterIP(before)
    if (added !== undefined && countUp(this.#clusterIPs, added)) changes.add(() => addressElement(set, added))
    if (removed !== undefined && countDown(this.#clusterIPs, removed))
      changes.remove(() => addressElement(set, removed))
  }

  #updateNodeIPs(addresses: readonly IpAddress[], changes: ChangeSink): void {
    const set = this.layout.sets.nodeIPs
    const after = new Set(addresses.filter((address) => familyOf(address) === this.layout.family))
    for (const address of this.#nodeIPs) if (!after.has(address)) changes.remove(() => addressElement(set, address))
    for (const address of after) if (!this.#nodeIPs.has(address)) changes.add(() => addressElement(set, address))
    this.#nodeIPs = after
  }

  #updateServiceCIDRs(cidrs: readonly Cidr[], changes: ChangeSink): void {
    const { sets, family } = this.layout
    const before = this.#serviceCIDRs
    const after = outermost(cidrs.filter((cidr) => familyOf(cidr) === family))
    for (const cidr of before) if (!after.includes(cidr)) changes.remove(() => cidrElement(sets.serviceCIDRs, cidr))
    for (const cidr of after) if (!before.includes(cidr)) changes.add(() => cidrElement(sets.serviceCIDRs, cidr))
    this.#serviceCIDRs = after
  }

  #useBy({ pool: { key }, shortCircuit }: VirtualServer, users: 1 | -1): void {
    this.#use(key, users)
    const pool = this.#pools.get(key)
    if (pool !== undefined && shortCircuit !== undefined) pool.shortCircuits += users
    if (pool?.shortCircuits === 0 && pool.whole !== undefined) this.#unused.add(key)
  }

  #use(poolKey: string, users: 1 | -1): void {
    const pool = this.#pools.get(poolKey)
    if (pool !== undefined) pool.users += users
    if (pool?.users === 0) this.#unused.add(poolKey)
  }

  /** Looks at the pools that these destinations were to use, too: some may have got none. */
  #markUnused(winners: Winners): void {
    for (const server of winners.values()) {
      if (server === undefined) continue
      this.#markIfUnused(server.pool.key)
      if (server.shortCircuit) this.#markIfUnused(server.shortCircuit.key)
    }
  }

  /** Nearly all pools are in use, and there may be many. */
  #markIfUnused(key: string): void {
    const pool = this.#pools.get(key)
    if (pool !== undefined && isUnused(pool)) this.#unused.add(key)
  }

  /** Pools that nobody uses, or whose way to the whole pool nobody takes, among those that may be. */
  #takeUnused(): [string, PoolState][] {
    const unused: [string, PoolState][] = []
    for (const key of this.#unused) {
      const pool = this.#pools.get(key)
      if (pool !== undefined && isUnused(pool)) unused.push([key, pool])
    }
    this.#unused.clear()
    return unused
  }

  /** Drops a pool without users, or only its way to the whole pool when no destination takes it any more. */
  #dropPool([key, pool]: [string, PoolState], changes: ChangeSink): void {
    this.#setWhole(pool, undefined, changes)
    if (pool.users > 0) {
      if (pool.endpoints.length === 0) this.#freePoolId(pool)
      return
    }
    this.#setEndpoints(pool, pool.endpoints, [], changes)
    this.#freePoolId(pool)
    this.#pools.delete(key)
  }

  #forgetGone(
    pool: PoolState,
    before: readonly PoolEndpoint[],
    after: readonly PoolEndpoint[],
    changes: ChangeSink,
  ): void {
    const kept = new Set(after.map(endpointKey))
    for (const endpoint of before) if (!kept.has(endpointKey(endpoint))) this.#forget(pool, endpoint, changes)
  }

  #forget(pool: PoolState, endpoint: PoolEndpoint | undefined, changes: ChangeSink): void {
    if (pool.id !== 0) changes.forget((pool.id << CLASS_BITS) >>> 0, endpoint)
  }

  #freePoolId(pool: PoolState): void {
    this.#poolIds.delete(pool.id)
    pool.id = 0
  }

  /** @returns 0 when all ids are in use. */
  #allocatePool(left: number | undefined): number {
    if (left !== undefined && left !== 0 && !this.#poolIds.has(left)) {
      this.#poolIds.add(left)
      return left
    }
    if (this.#poolIds.size >= this.#maxPoolId) return 0
    while (this.#poolIds.has(this.#nextPoolId)) this.#nextPoolId = (this.#nextPoolId % this.#maxPoolId) + 1
    this.#poolIds.add(this.#nextPoolId)
    return this.#nextPoolId
  }

  #slotElement(pool: PoolState, slot: number, endpoint: PoolEndpoint): SetElement {
    const key = slotBytes(pool.id << CLASS_BITS, slot)
    return { set: this.layout.sets.endpoints, key, data: endpointBytes(endpoint), comment: slotComment(pool, slot) }
  }

  #wholeElement(pool: PoolState, { value }: Whole): SetElement {
    const key = numberBytes(pool.id << CLASS_BITS)
    return { set: this.layout.sets.shortCircuits, key, data: numberBytes(value), comment: pool.name }
  }

  #frontEndElement({ server, value }: FrontEnd): SetElement {
    const set = this.layout.sets[frontEndSet(server)]
    return { set, key: destinationBytes(server), data: numberBytes(value), comment: servicePortName(server) }
  }
}

/** Nobody uses it, or nobody takes its way to the whole pool. */
function isUnused({ users, shortCircuits, whole }: PoolState): boolean {
  return users === 0 || (shortCircuits === 0 && whole !== undefined)
}

/** One comment names the pool; one at each endpoint would double the kernel's memory. */
function slotComment(pool: PoolState, slot: number): string {
  return slot === 0 ? pool.name : ''
}

function frontEndSet(server: VirtualServer): (typeof FRONT_END_SETS)[number] {
  return server.class === 'node-port' ? 'nodePorts' : 'services'
}

function clusterIP(server: VirtualServer | undefined): IpAddress | undefined {
  return server?.class === 'cluster' ? server.address : undefined
}

function nameOf(frontEnd: FrontEnd | undefined): string {
  return frontEnd === undefined ? '' : servicePortName(frontEnd.server)
}

function notServed(server: VirtualServer, reason: string): PlaneProblem {
  return { object: servicePortName(server), message: `${destinationKey(server)} is not served: ${reason}` }
}
