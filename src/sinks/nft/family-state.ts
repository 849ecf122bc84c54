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

/** An empty state of one family, for the pods that these CIDRs tell. */
export function familyState(family: Family, clusterCIDRs: readonly Cidr[]): RenderedState {
  const podCIDRs = outermost(clusterCIDRs.filter((cidr) => familyOf(cidr) === family))
  // A range of everything means that there is nothing off the cluster.
  const detectsPods = podCIDRs.length > 0 && !podCIDRs.some((cidr) => cidr.endsWith('/0'))
  return new RenderedState(buildLayout(family, { detectsPods }), { podCIDRs: detectsPods ? podCIDRs : [] })
}
