import type { Cidr, Family, IpAddress } from '../model/ip.ts'
import type { Protocol, ServiceKey } from '../model/service.ts'

/** One endpoint of a pool. */
export interface PoolEndpoint {
  readonly address: IpAddress
  /** 1 to 65535. */
  readonly port: number
  /** It runs on this node, or nobody says where: its connections to itself can come by here. */
  readonly mayBeHere: boolean
}

/** A set of endpoints among which connections are spread. All virtual servers of a ServicePort and family share one. */
export interface Pool {
  /** `namespace/name:port/PROTOCOL/FAMILY`; the same pool has the same key for as long as the ServicePort exists. */
  readonly key: string
  /** Distinct; empty when there is no eligible endpoint. */
  readonly endpoints: readonly PoolEndpoint[]
}

/**
 * What kind of destination a virtual server has: `cluster` for a cluster IP, `external` for external and load-balancer IPs,
 * `node-port` for a port on the node's own addresses.
 */
export type DestinationClass = 'cluster' | 'external' | 'node-port'

/**
 * Who gets the node's address as source: only clients that are no pods, everybody, or only the node itself (promises 61, 63
 * and 64).
 */
export type MasqueradeClass = 'off-cluster' | 'always' | 'from-node'

/**
 * LVS's word for one destination that is load-balanced. This is what every data plane renders: none of them reasons about
 * Kubernetes.
 */
export interface VirtualServer {
  readonly family: Family
  readonly class: DestinationClass
  /** Absent when the class is `node-port`: then every address that serves node ports is meant. */
  readonly address: IpAddress | undefined
  readonly protocol: Protocol
  /** Service port, or the node port. 1 to 65535. */
  readonly port: number
  readonly pool: Pool
  /**
   * The pool for clients on this node, pods and the node itself, where `pool` has this node's endpoints only (promise 42);
   * absent when they use `pool` like everybody else.
   */
  readonly shortCircuit: Pool | undefined
  /**
   * Of UDP, all endpoints that serve, also those that get no new client: flows to them are left alone, and flows to others
   * are stale (promise 74). Empty for other protocols, whose flows end by themselves.
   */
  readonly serving: readonly PoolEndpoint[]
  /** Sources that may use it; empty when all may. Others are dropped before an endpoint is chosen (promises 56, 57, 59). */
  readonly sourceRanges: readonly Cidr[]
  /**
   * Seconds for which a client keeps the endpoint that it once got; 0 when it does not (promises 69 and 70). Remembered for
   * the pool, so that all its destinations share it.
   */
  readonly affinitySeconds: number
  readonly masquerade: MasqueradeClass
  /** What happens while the pool is empty. */
  readonly whenEmpty: 'reject' | 'drop'
  /** Owner, for messages and for deciding between two claims. */
  readonly service: ServiceKey
  /** Empty for an unnamed port. */
  readonly portName: string
  /** Milliseconds since 1970; the older of two claims on one destination wins. */
  readonly creationTimestamp: number
}

/** A destination as text; two virtual servers with one key cannot both be served. */
export function destinationKey(server: VirtualServer): string {
  return `${server.address ?? `node-port/${server.family}`} ${server.protocol} ${server.port}`
}

/** `namespace/name:port` for people: how comments and messages name a ServicePort. */
export function servicePortName(server: VirtualServer): string {
  return server.portName === '' ? server.service : `${server.service}:${server.portName}`
}
