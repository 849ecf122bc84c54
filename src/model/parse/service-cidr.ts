import { type Cidr, parseCidr, prefixLength } from '../ip.ts'
import type { ServiceCIDR } from '../service-cidr.ts'
import type { Fields } from './fields.ts'
import { readMetadata } from './metadata.ts'
import { foundInstead, type Report } from './report.ts'

/** Addresses of the range that no Service has are dropped, so half the Internet cannot be one. */
const SHORTEST_PREFIX = 8

const ACCEPTED = `ADDRESS/LENGTH, for example 10.96.0.0/12, with a length of ${SHORTEST_PREFIX} or more`

/**
 * Reads a networking.k8s.io ServiceCIDR (v1 and v1beta1 are alike).
 *
 * @returns undefined when it has no usable name; that is reported as an error.
 */
export function parseServiceCIDR(object: Fields, report: Report): ServiceCIDR | undefined {
  const metadata = readMetadata(object, 'ServiceCIDR', 'cluster', report)
  if (metadata === undefined) return undefined
  const spec = object.map('spec')
  const cidrs = new Set<Cidr>()
  spec?.list('cidrs').forEach((value, i) => {
    const cidr = typeof value === 'string' ? parseCidr(value) : undefined
    if (cidr !== undefined && prefixLength(cidr) >= SHORTEST_PREFIX) cidrs.add(cidr)
    else report.warning(`${spec.path('cidrs')}[${i}]`, foundInstead(value, ACCEPTED))
  })
  return { name: metadata.name, cidrs: [...cidrs] }
}
