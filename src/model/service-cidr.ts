import type { Cidr } from './ip.ts'

/** A networking.k8s.io/v1 ServiceCIDR: ranges out of which Services get their cluster IPs (promise 52). */
export interface ServiceCIDR {
  readonly name: string
  /** spec.cidrs. */
  readonly cidrs: readonly Cidr[]
}
