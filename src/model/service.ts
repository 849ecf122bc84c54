import type { Cidr, IpAddress } from './ip.ts'

/** Layer-4 protocols that a Service port can have (core/v1 Protocol). */
export type Protocol = 'TCP' | 'UDP' | 'SCTP'

/** core/v1 Service.spec.type. */
export type ServiceType = 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'

/** core/v1 Service.spec.internalTrafficPolicy and externalTrafficPolicy: endpoints of the whole cluster, or of this node. */
export type TrafficPolicy = 'Cluster' | 'Local'

/** A Service with this label belongs to the proxy that it names, and to no other (promise 3). */
export const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name'
/** A Service or EndpointSlice with this label is not proxied at all (promise 4). */
export const HEADLESS_LABEL = 'service.kubernetes.io/headless'

/** `namespace/name`. */
export type ServiceKey = string & { readonly __brand: 'ServiceKey' }

/** The key of a Service. */
export function serviceKey(namespace: string, name: string): ServiceKey {
  return `${namespace}/${name}` as ServiceKey
}

/** One entry of core/v1 Service.spec.ports. */
export interface ServicePort {
  /** Empty when the Service has a single unnamed port. */
  readonly name: string
  readonly protocol: Protocol
  /** 1 to 65535. */
  readonly port: number
  /** 1 to 65535; 0 when the port has no node port. */
  readonly nodePort: number
  /** Number or name of the pod's port; undefined when not given. EndpointSlices carry the resolved number. */
  readonly targetPort: number | string | undefined
}

/**
 * A core/v1 Service, stripped to what the brain needs and parsed so that it cannot be wrong: addresses are canonical,
 * ports are in range, every list is deduplicated in the order given.
 */
export interface Service {
  readonly namespace: string
  readonly name: string
  readonly type: ServiceType
  /** Milliseconds since 1970; 0 when absent. Decides between two claims on one address and port. */
  readonly creationTimestamp: number
  /** Empty for a headless Service (`clusterIP: None` or absent). At most one a family. */
  readonly clusterIPs: readonly IpAddress[]
  readonly externalIPs: readonly IpAddress[]
  /** status.loadBalancer.ingress[].ip whose ipMode is absent or VIP (KEP-1860). */
  readonly loadBalancerIPs: readonly IpAddress[]
  readonly ports: readonly ServicePort[]
  readonly externalTrafficPolicy: TrafficPolicy
  readonly internalTrafficPolicy: TrafficPolicy
  /** Seconds, 1 to 86400 (10800 by default); undefined when sessionAffinity is None. */
  readonly clientIPAffinitySeconds: number | undefined
  /** Empty when every source may use the load-balancer addresses. */
  readonly loadBalancerSourceRanges: readonly Cidr[]
  /** 0 when there is none. */
  readonly healthCheckNodePort: number
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}
