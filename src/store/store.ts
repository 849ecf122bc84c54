import type { EndpointSlice } from '../model/endpoint-slice.ts'
import type { Cidr } from '../model/ip.ts'
import type { Node } from '../model/node.ts'
import { type ClusterObject, type ObjectId, objectId } from '../model/object.ts'
import { type Service, type ServiceKey, serviceKey } from '../model/service.ts'
import type { ServiceCIDR } from '../model/service-cidr.ts'
import { type StoreChanges, StoreReader } from './reader.ts'

/** A change to the cluster state; all of it becomes visible at once, as one revision. */
export interface Update {
  readonly set: readonly ClusterObject[]
  readonly delete: readonly ObjectId[]
}

type MarkSets = {
  readonly services: Set<ServiceKey>
  readonly nodes: Set<string>
  readonly serviceCIDRs: Set<string>
  /** EndpointSlices that changed; undefined for one that is gone. */
  readonly slices: Map<ObjectId, EndpointSlice | undefined>
}

/**
 * The cluster's state: Services, EndpointSlices by their Service, Nodes and ServiceCIDRs. Every update costs O(what it names) and is one
 * revision; readers are told which keys changed and read the present values, so a slow reader coalesces and nothing queues.
 */
export class Store {
  readonly #services = new Map<ServiceKey, Service>()
  readonly #slices = new Map<ObjectId, EndpointSlice>()
  readonly #slicesOfService = new Map<ServiceKey, Map<string, EndpointSlice>>()
  readonly #nodes = new Map<string, Node>()
  readonly #serviceCIDRs = new Map<string, ServiceCIDR>()
  readonly #readers = new Set<StoreReader>()
  readonly #changes = { services: 0, endpointSlices: 0, lastAt: 0 }
  #revision = 0
  #synced = false

  /** Number of updates that were applied; 0 at first. */
  get revision(): number {
    return this.#revision
  }

  /** True once the source has delivered its whole initial state; readers see nothing before (promise 17). */
  get synced(): boolean {
    return this.#synced
  }

  /** How many changes there were. */
  get changes(): StoreChanges {
    return this.#changes
  }

  get counts(): { services: number; endpointSlices: number; nodes: number } {
    return { services: this.#services.size, endpointSlices: this.#slices.size, nodes: this.#nodes.size }
  }

  service(key: ServiceKey): Service | undefined {
    return this.#services.get(key)
  }

  /** The EndpointSlices that name this Service, in order of arrival; the Service itself may be absent. */
  endpointSlices(key: ServiceKey): Iterable<EndpointSlice> {
    return this.#slicesOfService.get(key)?.values() ?? []
  }

  node(name: string): Node | undefined {
    return this.#nodes.get(name)
  }

  /** The ranges of all ServiceCIDRs, each once, in order; empty when there is none. */
  serviceCIDRs(): Cidr[] {
    return [...new Set([...this.#serviceCIDRs.values()].flatMap(({ cidrs }) => cidrs))].sort()
  }

  serviceCIDR(name: string): ServiceCIDR | undefined {
    return this.#serviceCIDRs.get(name)
  }

  serviceKeys(): Iterable<ServiceKey> {
    return this.#services.keys()
  }

  nodeNames(): Iterable<string> {
    return this.#nodes.keys()
  }

  /**
   * Applies one update and wakes the readers. Within one update deletions come first, so that an object may be renamed.
   *
   * @returns the new revision.
   */
  apply(update: Update): number {
    const marks: MarkSets = { services: new Set(), nodes: new Set(), serviceCIDRs: new Set(), slices: new Map() }
    for (const id of update.delete) this.#delete(id, marks)
    for (const object of update.set) this.#set(object, marks)
    if (Object.values(marks).every(({ size }) => size === 0)) return this.#revision
    this.#revision++
    this.#changes.lastAt = Date.now()
    for (const reader of this.#readers) reader.mark(marks)
    return this.#revision
  }

  /** Says that the initial state is complete. Called once by the source. */
  markSynced(): void {
    if (this.#synced) return
    this.#synced = true
    for (const reader of this.#readers) reader.wake()
  }

  /** A new reader; its first change set names everything that is there. Close it when it is no longer read. */
  reader(): StoreReader {
    const reader: StoreReader = new StoreReader(this, () => this.#readers.delete(reader))
    reader.mark({
      services: this.#services.keys(),
      nodes: this.#nodes.keys(),
      serviceCIDRs: this.#serviceCIDRs.keys(),
      slices: this.#slices,
    })
    this.#readers.add(reader)
    return reader
  }

  #set(object: ClusterObject, { services, nodes, serviceCIDRs, slices }: MarkSets): void {
    switch (object.kind) {
      case 'Service': {
        const key = serviceKey(object.value.namespace, object.value.name)
        this.#services.set(key, object.value)
        services.add(key)
        this.#changes.services++
        return
      }
      case 'EndpointSlice': {
        const id = objectId(object)
        this.#removeSlice(id, services)
        this.#slices.set(id, object.value)
        slices.set(id, object.value)
        this.#changes.endpointSlices++
        const siblings = this.#slicesOfService.get(object.value.service) ?? new Map<string, EndpointSlice>()
        siblings.set(object.value.name, object.value)
        this.#slicesOfService.set(object.value.service, siblings)
        services.add(object.value.service)
        return
      }
      case 'Node':
        this.#nodes.set(object.value.name, object.value)
        nodes.add(object.value.name)
        return
      case 'ServiceCIDR':
        this.#serviceCIDRs.set(object.value.name, object.value)
        serviceCIDRs.add(object.value.name)
    }
  }

  #delete(id: ObjectId, { services, nodes, serviceCIDRs, slices }: MarkSets): void {
    const [kind, key = ''] = id.split(' ', 2)
    if (kind === 'Service' && this.#services.delete(key as ServiceKey)) {
      services.add(key as ServiceKey)
      this.#changes.services++
    } else if (kind === 'EndpointSlice' && this.#removeSlice(id, services)) {
      slices.set(id, undefined)
      this.#changes.endpointSlices++
    } else if (kind === 'Node' && this.#nodes.delete(key)) nodes.add(key)
    else if (kind === 'ServiceCIDR' && this.#serviceCIDRs.delete(key)) serviceCIDRs.add(key)
  }

  /** @returns false when there was none. */
  #removeSlice(id: ObjectId, services: Set<ServiceKey>): boolean {
    const slice = this.#slices.get(id)
    if (slice === undefined) return false
    this.#slices.delete(id)
    const siblings = this.#slicesOfService.get(slice.service)
    siblings?.delete(slice.name)
    if (siblings?.size === 0) this.#slicesOfService.delete(slice.service)
    services.add(slice.service)
    return true
  }
}
