import type { ServiceKey } from '../model/service.ts'

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
}

/** Keys that changed, by kind. */
export interface Marks {
  readonly services: Iterable<ServiceKey>
  readonly nodes: Iterable<string>
  readonly serviceCIDRs: Iterable<string>
}

/** What a reader has to know of its store. */
export interface Revised {
  readonly revision: number
  readonly synced: boolean
}

/** One consumer of a store. Made by `store.reader()`. */
export class StoreReader {
  readonly #store: Revised
  readonly #onClose: () => void
  #services = new Set<ServiceKey>()
  #nodes = new Set<string>()
  #serviceCIDRs = new Set<string>()
  #waiting: (() => void) | undefined
  #first = true
  #closed = false

  constructor(store: Revised, onClose: () => void) {
    this.#store = store
    this.#onClose = onClose
  }

  /** Called by the store: these keys changed. */
  mark({ services, nodes, serviceCIDRs }: Marks): void {
    for (const key of services) this.#services.add(key)
    for (const name of nodes) this.#nodes.add(name)
    for (const name of serviceCIDRs) this.#serviceCIDRs.add(name)
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
    this.#first = false
    const changes = {
      revision: this.#store.revision,
      services: this.#services,
      nodes: this.#nodes,
      serviceCIDRs: this.#serviceCIDRs,
    }
    this.#services = new Set()
    this.#nodes = new Set()
    this.#serviceCIDRs = new Set()
    return changes
  }

  close(): void {
    this.#closed = true
    this.#onClose()
    this.wake()
  }

  #ready(): boolean {
    if (this.#closed) return true
    const marked = this.#services.size + this.#nodes.size + this.#serviceCIDRs.size
    return this.#store.synced && (this.#first || marked > 0)
  }
}
