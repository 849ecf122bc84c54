import type { EndpointPort } from './endpoint-slice.ts'
import type { IpAddress } from './ip.ts'
import type { Protocol, Service, ServiceKey } from './service.ts'

/**
 * What one node must do for one Service: KPNG's `localv1.Service` with its endpoints, plus what KPNG cannot say. The brain
 * makes it, `to-api` will serve it, and every data plane is fed from it.
 */
export interface LocalService {
  readonly key: ServiceKey
  readonly service: Service
  /**
   * Endpoints that are ready or still serve, deduplicated; empty when there are none. Those in neither scope get no new
   * connection: they tell "none on this node" from "none at all", and what they serve already is left alone (promise 74).
   */
  readonly endpoints: readonly LocalEndpoint[]
}

/** localv1.Endpoint: one address of one pod, with the ports for which it is eligible. */
export interface LocalEndpoint {
  readonly address: IpAddress
  /** localv1.Endpoint.Local: it runs on this node. */
  readonly local: boolean
  /**
   * Additive to localv1: its slice does not say where it runs, so it may run on this node. Matters for hairpin traffic.
   */
  readonly unplaced: boolean
  /** Additive to localv1: it is ready, and not only finishing what it serves (promise 83). */
  readonly ready: boolean
  /** localv1.Endpoint.PortOverrides with their protocol: what number each Service port has on this endpoint. */
  readonly ports: readonly EndpointPort[]
  /** localv1.Endpoint.Scopes: for which kind of traffic the endpoint may be chosen. */
  readonly scopes: EndpointScopes
  /** Additive to localv1: it may be chosen for traffic that may go to any node, whatever the Service's policies are. */
  readonly inCluster: boolean
  /** localv1.Endpoint.Hostname; empty when it has none. */
  readonly hostname: string
  /** Empty when it is no pod, and in a state that was read from the local API, which does not tell. */
  readonly podName: string
}

/** localv1.EndpointScopes. */
export interface EndpointScopes {
  /** Traffic to the cluster IP. */
  readonly internal: boolean
  /** Traffic to node ports, external IPs and load-balancer IPs. */
  readonly external: boolean
}

/** Identifies a ServicePort within a Service (promise 10). */
export function portKey(name: string, protocol: Protocol): string {
  return `${name}/${protocol}`
}
