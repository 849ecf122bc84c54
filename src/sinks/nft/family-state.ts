import { type Cidr, cidrContains, type Family, familyOf, type IpAddress } from '../../model/ip.ts'
import { buildLayout } from './layout.ts'
import { RenderedState } from './render.ts'

/** An empty state of one family, for the pods that these CIDRs tell. */
export function familyState(family: Family, clusterCIDRs: readonly Cidr[]): RenderedState {
  const podCIDRs = outermost(clusterCIDRs.filter((cidr) => familyOf(cidr) === family))
  // A range of everything means that there is nothing off the cluster.
  const detectsPods = podCIDRs.length > 0 && !podCIDRs.some((cidr) => cidr.endsWith('/0'))
  return new RenderedState(buildLayout(family, { detectsPods }), { podCIDRs: detectsPods ? podCIDRs : [] })
}

/** The ranges that are in no other one: the kernel refuses ranges that overlap. */
function outermost(cidrs: readonly Cidr[]): Cidr[] {
  const kept: Cidr[] = []
  for (const cidr of [...cidrs].sort((a, b) => prefixLength(a) - prefixLength(b))) {
    if (!kept.some((outer) => cidrContains(outer, firstAddress(cidr)))) kept.push(cidr)
  }
  return kept
}

function prefixLength(cidr: Cidr): number {
  return Number(cidr.slice(cidr.indexOf('/') + 1))
}

function firstAddress(cidr: Cidr): IpAddress {
  return cidr.slice(0, cidr.indexOf('/')) as IpAddress
}
