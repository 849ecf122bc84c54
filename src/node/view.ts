import type { LocalService } from '../model/local.ts'
import { type Node, ZONE_LABEL } from '../model/node.ts'
import { HEADLESS_LABEL, PROXY_NAME_LABEL, type Service, type ServiceKey } from '../model/service.ts'
import type { LocalChanges, LocalState } from '../store/local-state.ts'
import type { StoreChanges, StoreReader } from '../store/reader.ts'
import type { Store } from '../store/store.ts'
import type { NodePlace } from './categorize.ts'
import { selectEndpoints } from './select.ts'

/**
 * One node's view of the cluster: turns changes of the store into changes of what the node must do. Costs what changed: a
 * change of one Service or of its slices looks at that Service only.
 */
export class NodeView implements LocalState {
  readonly #store: Store
  readonly #reader: StoreReader
  readonly #nodeName: string
  readonly #proxyName: string
  #place: NodePlace

  /** @param proxyName serves the Services that name this proxy; those that name none when it is empty */
  constructor(store: Store, nodeName: string, proxyName = '') {
    this.#store = store
    this.#nodeName = nodeName
    this.#proxyName = proxyName
    this.#place = { name: nodeName, zone: store.node(nodeName)?.labels[ZONE_LABEL] ?? '' }
    this.#reader = store.reader()
  }

  async next(): Promise<LocalChanges | undefined> {
    const changes = await this.#reader.next()
    if (changes === undefined) return undefined
    const node = changes.nodes.has(this.#nodeName) ? (this.#store.node(this.#nodeName) ?? null) : undefined
    const hasMoved = node !== undefined && this.#move(node)
    // Another zone may mean other endpoints for every Service (promise 38).
    const services = hasMoved ? new Set([...this.#store.serviceKeys(), ...changes.services]) : changes.services
    // Beside another proxy nobody but that one knows which addresses are given to no Service.
    const ownsRanges = this.#proxyName === ''
    const serviceCIDRs = ownsRanges && changes.serviceCIDRs.size > 0 ? this.#store.serviceCIDRs() : undefined
    return { revision: changes.revision, services, node, serviceCIDRs, times: changes.times }
  }

  local(key: ServiceKey): LocalService | undefined {
    const service = this.#store.service(key)
    if (service === undefined || !isProxied(service, this.#proxyName)) return undefined
    return { key, service, endpoints: selectEndpoints(service, this.#store.endpointSlices(key), this.#place) }
  }

  /** @returns true when the node is in another zone than before. */
  #move(node: Node | null): boolean {
    const zone = node?.labels[ZONE_LABEL] ?? ''
    if (zone === this.#place.zone) return false
    this.#place = { name: this.#nodeName, zone }
    return true
  }

  *restricted(): Generator<ServiceKey> {
    for (const key of this.#store.serviceKeys()) {
      if ((this.#store.service(key)?.loadBalancerSourceRanges.length ?? 0) > 0) yield key
    }
  }

  get revision(): number {
    return this.#store.revision
  }

  get changes(): StoreChanges {
    return this.#store.changes
  }

  get objects(): LocalState['objects'] {
    return this.#store.counts
  }

  async close(): Promise<void> {
    this.#reader.close()
  }
}

/** Promises 1 to 4. */
export function isProxied(service: Service, proxyName: string): boolean {
  const of = service.labels[PROXY_NAME_LABEL]
  return (
    service.clusterIPs.length > 0 &&
    service.type !== 'ExternalName' &&
    of === (proxyName === '' ? undefined : proxyName) &&
    !(HEADLESS_LABEL in service.labels)
  )
}
