import type { Cidr } from '../ip.ts'
import { type Node, ZONE_LABEL } from '../node.ts'
import type { Contents } from './message.ts'

/** A Node as globalv1.Node. */
export function nodeMessage({ name, labels, annotations, addresses, podCIDRs, isLeaving }: Node): Contents {
  const topology = { node: name, zone: labels[ZONE_LABEL] ?? '' }
  return { name, labels, annotations, topology, addresses, podcidrs: podCIDRs, isleaving: isLeaving }
}

/** Ranges as localv1.IPRanges. */
export function rangesMessage(cidrs: readonly Cidr[]): Contents {
  return { ranges: [...new Set(cidrs)].sort() }
}
