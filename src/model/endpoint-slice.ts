import type { Family, IpAddress } from './ip.ts'
import type { Protocol, ServiceKey } from './service.ts'

/** One entry of discovery/v1 EndpointSlice.ports, with a number. Entries without one are not kept (promise 9). */
export interface EndpointPort {
  /** The Service port's name; empty for an unnamed Service port. */
  readonly name: string
  readonly protocol: Protocol
  /** 1 to 65535: the target port number. */
  readonly port: number
}

/** One entry of discovery/v1 EndpointSlice.endpoints; only its first address counts (promise 8). */
export interface Endpoint {
  readonly address: IpAddress
  /** nil means true (promise 11). */
  readonly ready: boolean
  /** nil means the value of ready. */
  readonly serving: boolean
  /** nil means false. */
  readonly terminating: boolean
  /** Empty when the slice does not say: such an endpoint counts as remote (promise 16). */
  readonly nodeName: string
  /** Empty when the slice does not say. */
  readonly zone: string
  /** Empty when the endpoint has no hostname. */
  readonly hostname: string
  /** targetRef.name when targetRef.kind is Pod; empty otherwise. */
  readonly podName: string
  /** Zones of hints.forZones; empty when there is no hint. */
  readonly hintZones: readonly string[]
  /** Nodes of hints.forNodes; empty when there is no hint. */
  readonly hintNodes: readonly string[]
}

/** A discovery/v1 EndpointSlice of address type IPv4 or IPv6 (FQDN slices are not kept, promise 7). */
export interface EndpointSlice {
  readonly namespace: string
  readonly name: string
  /** From the label kubernetes.io/service-name (promise 6). */
  readonly service: ServiceKey
  readonly family: Family
  readonly ports: readonly EndpointPort[]
  readonly endpoints: readonly Endpoint[]
  /**
   * When the change of a pod or Service happened that this slice reflects, as its controller says: milliseconds since 1970,
   * from the annotation endpoints.kubernetes.io/last-change-trigger-time. Absent when it does not say.
   */
  readonly lastChangeTriggerTime?: number
}
