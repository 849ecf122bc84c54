import { type Cidr, type IpAddress, parseCidr } from '../ip.ts'
import type { Node } from '../node.ts'
import { addressesAccepted, NEVER_VIRTUAL, parseOrdinaryIp } from './address.ts'
import type { Fields } from './fields.ts'
import type { KeptKeys } from './kept-keys.ts'
import { readLabels, readMetadata } from './metadata.ts'
import { foundInstead, type Report } from './report.ts'

/**
 * Reads a core/v1 Node.
 *
 * @returns undefined when the Node has no usable name; that is reported as an error.
 */
export function parseNode(object: Fields, report: Report, kept: KeptKeys): Node | undefined {
  const metadata = readMetadata(object, 'Node', 'cluster', report)
  if (metadata === undefined) return undefined
  const spec = object.map('spec')
  return {
    name: metadata.name,
    labels: readLabels(metadata.fields, 'labels', kept.nodeLabels, report),
    annotations: readLabels(metadata.fields, 'annotations', kept.nodeAnnotations, report),
    addresses: readNodeAddresses(object),
    podCIDRs: spec === undefined ? [] : readPodCIDRs(spec, report),
    isLeaving: metadata.fields.text('deletionTimestamp') !== '' || hasLeavingTaint(spec),
  }
}

/** The cluster autoscaler's mark on a node that it removes. */
const LEAVING_TAINT = 'ToBeDeletedByClusterAutoscaler'

function hasLeavingTaint(spec: Fields | undefined): boolean {
  const taints = [...(spec?.maps('taints') ?? [])]
  return taints.filter((taint) => taint.text('key') === LEAVING_TAINT).length > 0
}

/** InternalIP first, then ExternalIP, each in the order given; host names do not count. */
function readNodeAddresses(object: Fields): IpAddress[] {
  const internal: IpAddress[] = []
  const external: IpAddress[] = []
  const status = object.map('status')
  if (status === undefined) return internal
  for (const fields of status.maps('addresses')) {
    const type = fields.text('type')
    if (type !== 'InternalIP' && type !== 'ExternalIP') continue
    const ip = parseOrdinaryIp(fields.raw('address'), NEVER_VIRTUAL)
    if (ip === undefined) fields.warn('address', addressesAccepted(NEVER_VIRTUAL))
    else if (type === 'InternalIP') internal.push(ip)
    else external.push(ip)
  }
  return [...new Set([...internal, ...external])]
}

/** `podCIDRs`, or `podCIDR` when that list is empty. */
function readPodCIDRs(spec: Fields, report: Report): Cidr[] {
  const list = spec.list('podCIDRs')
  const single = spec.raw('podCIDR')
  const found = new Set<Cidr>()
  const read = (value: unknown, path: string): void => {
    const cidr = typeof value === 'string' ? parseCidr(value) : undefined
    if (cidr !== undefined) found.add(cidr)
    else report.warning(path, foundInstead(value, 'ADDRESS/LENGTH, for example 10.244.1.0/24'))
  }
  list.forEach((value, i) => read(value, `${spec.path('podCIDRs')}[${i}]`))
  if (list.length === 0 && single !== undefined && single !== '') read(single, spec.path('podCIDR'))
  return [...found]
}
