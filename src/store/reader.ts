import type { EndpointSlice } from '../model/endpoint-slice.ts'
import type { Family } from '../model/ip.ts'
import type { ObjectId } from '../model/object.ts'
import type { ServiceKey } from '../model/service.ts'

/** How many changes a store was given since it was made, whether or not anybody took them. */
export interface StoreChanges {
  readonly services: number
  readonly endpointSlices: number
  /** When the last one came, of whatever kind: milliseconds since 1970; 0 before the first. */
  readonly lastAt: number
}

/** When something happened in the cluster that an EndpointSlice reflects. */
export interface Trigger {
  readonly family: Family
  /** Milliseconds since 1970, by the clock of whoever wrote the slice. */
  readonly time: number
}

/** Where changes come from in time, to measure how long they take. */
export interface ChangeTimes {
  /** Changes that the store had seen when these were taken. */
  readonly seen: StoreChanges
  /** When the oldest of these changes reached the store, by `performance.now()`; undefined for the initial state. */
  readonly since: number | undefined
  /**
   * Of each EndpointSlice that changed the oldest time since this was taken last. Not of what happened before the reader was
   * made, nor of slices that are gone: their time is that of another change.
   */
  readonly triggers: readonly Trigger[]
}

/** What changed since a reader last asked. */
export interface ChangeSet {
  /** The store's revision when the change set was taken. */
  readonly revision: number
  /** Services that changed, or whose EndpointSlices did. */
  readonly services: ReadonlySet<ServiceKey>
  /** Names of the nodes that changed. */
  readonly nodes: ReadonlySet<string>
  /** Names of the ServiceCIDRs that changed. */
  readonly serviceCIDRs: ReadonlySet<string>
  readonly times: ChangeTimes
}

/** Keys that changed, by kind. */
export interface Marks {
  readonly services: Iterable<ServiceKey>
  readonly nodes: Iterable<string>
  readonly serviceCIDRs: Iterable<string>
  /** EndpointSlices that changed; undefined for one that is gone. */
  readonly slices: Iterable<readonly [ObjectId, EndpointSlice | undefined]>
}

/** What a reader has to know of its store. */
export interface Revised {
  readonly revision: number
  readonly synced: boolean
  readonly changes: StoreChanges
}

/** One consumer of a store. Made by `store.reader()`. */
export class StoreReader {
  readonly #store: Revised
  readonly #onClose: () => void
  #services = new Set<ServiceKey>()
  #nodes = new Set<string>()
  #serviceCIDRs = new Set<string>()
  readonly #madeAt = Date.now()
  #triggers = new Map<ObjectId, Trigger>()
  #since: number | undefined
  #waiting: (() => void) | undefined
  #first = true
  #closed = false

  constructor(store: Revised, onClose: () => void) {
    this.#store = store
    this.#onClose = onClose
  }

  /** Called by the store: these keys changed. */
  mark({ services, nodes, serviceCIDRs, slices }: Marks): void {
    for (const key of services) this.#services.add(key)
    for (const name of nodes) this.#nodes.add(name)
    for (const name of serviceCIDRs) this.#serviceCIDRs.add(name)
    for (const [id, slice] of slices) this.#markTrigger(id, slice)
    this.#since ??= performance.now()
    this.wake()
  }

  /** Called by the store: look whether there is something to read. */
  wake(): void {
    if (!this.#ready()) return
    this.#waiting?.()
    this.#waiting = undefined
  }

  /**
   * Waits until something changed, and takes everything that did. The first change set comes when the store is synced,
   * also if the cluster is empty.
   *
   * @returns undefined once the reader is closed.
   */
  async next(): Promise<ChangeSet | undefined> {
    if (!this.#ready()) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
    if (this.#closed) return undefined
    const { services: seenServices, endpointSlices, lastAt } = this.#store.changes
    const times = {
      seen: { services: seenServices, endpointSlices, lastAt },
      since: this.#first ? undefined : this.#since,
      triggers: [...this.#triggers.values()],
    }
    this.#first = false
    const changes = {
      revision: this.#store.revision,
      services: this.#services,
      nodes: this.#nodes,
      serviceCIDRs: this.#serviceCIDRs,
      times,
    }
    this.#services = new Set()
    this.#nodes = new Set()
    this.#serviceCIDRs = new Set()
    this.#triggers = new Map()
    this.#since = undefined
    return changes
  }

  close(): void {
    this.#closed = true
    this.#onClose()
    this.wake()
  }

  /** The oldest counts: whoever waits has waited since then. */
  #markTrigger(id: ObjectId, slice: EndpointSlice | undefined): void {
    if (slice === undefined) this.#triggers.delete(id)
    else if ((slice.lastChangeTriggerTime ?? 0) > this.#madeAt && !this.#triggers.has(id)) {
      this.#triggers.set(id, { family: slice.family, time: slice.lastChangeTriggerTime ?? 0 })
    }
  }

  #ready(): boolean {
    if (this.#closed) return true
    const marked = this.#services.size + this.#nodes.size + this.#serviceCIDRs.size
    return this.#store.synced && (this.#first || marked > 0)
  }
}
