import type { Cidr, IpAddress } from './ip.ts'

/** The label that names a node's zone (promise 38). */
export const ZONE_LABEL = 'topology.kubernetes.io/zone'

/** A core/v1 Node, stripped to what the brain needs. */
export interface Node {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** status.addresses of type InternalIP and then ExternalIP, in order. The first of each family is the primary one. */
  readonly addresses: readonly IpAddress[]
  readonly podCIDRs: readonly Cidr[]
  /**
   * It is on its way out: metadata.deletionTimestamp is set, or it has the taint ToBeDeletedByClusterAutoscaler. Load
   * balancers are to send it no more traffic (promise 85).
   */
  readonly isLeaving: boolean
}
