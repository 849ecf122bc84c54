import type { Cidr } from '../model/ip.ts'
import type { Node } from '../model/node.ts'
import type { ServiceKey } from '../model/service.ts'
import type { ServiceCIDR } from '../model/service-cidr.ts'
import type { ServiceVersion } from './service-version.ts'

/** A node as it was at one time. */
export interface NodeVersion {
  readonly kind: 'node'
  readonly node: Node
}

/** A ServiceCIDR as it was at one time. */
export interface RangesVersion {
  readonly kind: 'ranges'
  readonly object: ServiceCIDR
}

/** All ranges together, as they were at one time. */
export interface AllRangesVersion {
  readonly kind: 'all-ranges'
  readonly cidrs: readonly Cidr[]
}

/** What streams are told about. */
export type ClusterVersion = ServiceVersion | NodeVersion | RangesVersion | AllRangesVersion

/** Keys of the history: each kind of value has a letter of its own in front. */
export const HISTORY_KEY = {
  service: (key: ServiceKey) => `S ${key}`,
  node: (name: string) => `N ${name}`,
  ranges: (name: string) => `R ${name}`,
  allRanges: 'A',
} as const
