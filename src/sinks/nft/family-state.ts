import { type Cidr, type Family, familyOf } from '../../model/ip.ts'
import type { PlaneCounts } from '../../virtual-server/data-plane.ts'
import { buildLayout } from './layout.ts'
import { outermost } from './ranges.ts'
import { RenderedState } from './render.ts'

/** What the states of both families hold. */
export function countsOf(states: readonly RenderedState[]): Pick<PlaneCounts, 'virtualServers' | 'endpoints'> {
  const counts = states.map((state) => state.counts)
  return {
    virtualServers: counts.reduce((sum, { virtualServers }) => sum + virtualServers, 0),
    endpoints: counts.reduce((sum, { endpoints }) => sum + endpoints, 0),
  }
}

/** How a plane is to treat the node's traffic. */
export interface TrafficOptions {
  /** Addresses of pods; where empty, and without `podInterface`, nothing off the cluster is masqueraded. */
  readonly clusterCIDRs: readonly Cidr[]
  /** Interfaces through which pods' traffic comes, in place of addresses: a name, or with `prefix` how names begin. */
  readonly podInterface?: { readonly interface: string; readonly prefix: boolean } | undefined
  /** See {@link LayoutOptions.dropInvalid}; true when absent. */
  readonly dropInvalid?: boolean
  /** Make the tables so that no other process can change them; false when absent. Needs Linux 6.9. */
  readonly ownTables?: boolean
}

/** An empty state of one family. */
export function familyState(family: Family, options: TrafficOptions): RenderedState {
  const { clusterCIDRs, podInterface, dropInvalid = true, ownTables: isOwned = false } = options
  const podCIDRs = outermost(clusterCIDRs.filter((cidr) => familyOf(cidr) === family))
  // A range of everything means that there is nothing off the cluster.
  const areKnown = podCIDRs.length > 0 && !podCIDRs.some((cidr) => cidr.endsWith('/0'))
  const byAddress = areKnown && podInterface === undefined
  const detector = podInterface ?? (byAddress ? 'address' : 'none')
  return new RenderedState(buildLayout(family, { detector, dropInvalid, isOwned }), {
    podCIDRs: byAddress ? podCIDRs : [],
  })
}
