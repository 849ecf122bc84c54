import { type Node, ZONE_LABEL } from '../node.ts'
import type { ServiceCIDR } from '../service-cidr.ts'
import { NEVER_VIRTUAL, readAddresses, readRanges } from './address.ts'
import type { Fields } from './fields.ts'
import { DEFAULT_KEPT, type KeptKeys } from './kept-keys.ts'
import { MAX_LABEL, readIdentity, readLabels } from './metadata.ts'
import type { Report } from './report.ts'

/**
 * Reads a globalv1.Node. KPNG keeps a node's zone beside its labels, and neither addresses nor pod CIDRs; those are Sluice's
 * additions.
 *
 * @returns undefined when it has no usable name; that is reported as an error.
 */
export function parseKpngNode(item: Fields, report: Report, kept: KeptKeys = DEFAULT_KEPT): Node | undefined {
  const identity = readIdentity(item, 'Node', 'cluster', report)
  if (identity === undefined) return undefined
  const given = readLabels(item, 'labels', kept.nodeLabels, report)
  const zone = item.map('topology')?.name('zone', MAX_LABEL) ?? ''
  const labels = zone === '' || given[ZONE_LABEL] !== undefined ? given : { ...given, [ZONE_LABEL]: zone }
  return {
    name: identity.name,
    labels,
    annotations: readLabels(item, 'annotations', kept.nodeAnnotations, report),
    addresses: readAddresses(item, 'addresses', report, NEVER_VIRTUAL),
    podCIDRs: readRanges(item, 'podcidrs', report).cidrs,
    isLeaving: item.flag('isleaving') ?? false,
  }
}

/**
 * Reads a globalv1.ServiceCIDRInfo, which KPNG does not have.
 *
 * @returns undefined when it has no usable name; that is reported as an error.
 */
export function parseServiceCIDRInfo(item: Fields, report: Report): ServiceCIDR | undefined {
  const identity = readIdentity(item, 'ServiceCIDR', 'cluster', report)
  if (identity === undefined) return undefined
  const ranges = item.map('ranges')
  return { name: identity.name, cidrs: ranges === undefined ? [] : readRanges(ranges, 'ranges', report).cidrs }
}
