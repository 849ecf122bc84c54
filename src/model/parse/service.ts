import { type Cidr, type Family, familyOf, type IpAddress } from '../ip.ts'
import type { Service, ServiceType, TrafficPolicy } from '../service.ts'
import {
  addressesAccepted,
  NEVER_ENDPOINT,
  NEVER_VIRTUAL,
  parseOrdinaryIp,
  type Ranges,
  readAddresses,
  readRanges,
} from './address.ts'
import type { Fields } from './fields.ts'
import type { KeptKeys } from './kept-keys.ts'
import { readLabels, readMetadata } from './metadata.ts'
import { foundInstead, type Report } from './report.ts'
import { readServicePorts } from './service-ports.ts'

const TYPES: readonly ServiceType[] = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']
const POLICIES: readonly TrafficPolicy[] = ['Cluster', 'Local']
const NO_ADDRESSES: readonly IpAddress[] = Object.freeze([])

/** Session affinity's timeout in seconds when the Service gives none (promise 70). */
export const DEFAULT_AFFINITY_SECONDS = 10800
export const MAX_AFFINITY_SECONDS = 86400

/**
 * Reads a core/v1 Service. Labels that make the brain skip it (promises 3 and 4) are kept; it is not skipped here.
 *
 * @returns undefined when the Service cannot be used at all; that is reported as an error.
 */
export function parseService(object: Fields, report: Report, kept: KeptKeys): Service | undefined {
  const metadata = readMetadata(object, 'Service', 'namespaced', report)
  if (metadata === undefined) return undefined
  const spec = object.map('spec')
  if (spec === undefined) return object.error('spec', 'a mapping')
  const type = readType(spec)
  if (type === undefined) return undefined
  const clusterIPs = readClusterIPs(spec, report)
  if (clusterIPs === undefined) return undefined
  if (clusterIPs.length === 0 && type !== 'ExternalName' && !isHeadless(spec)) {
    report.warning(spec.path('clusterIP'), 'none is given, so the Service is not served: a cluster assigns one')
  }
  if (spec.has('ports') && !Array.isArray(spec.raw('ports'))) return spec.error('ports', 'a list of ports')
  const ports = readServicePorts(spec, type, report)
  if (ports.length === 0 && spec.list('ports').length > 0) return spec.error('ports', 'at least one usable port')
  const ranges = readRanges(spec, 'loadBalancerSourceRanges', report)
  const externalIPs = readAddresses(spec, 'externalIPs', report, NEVER_ENDPOINT)
  warnOfOtherFamilies(clusterIPs, externalIPs, spec.path('externalIPs'), report)
  warnOfOtherFamilies(clusterIPs, ranges.cidrs, spec.path('loadBalancerSourceRanges'), report)
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    type,
    creationTimestamp: readTimestamp(metadata.fields),
    clusterIPs,
    externalIPs,
    loadBalancerIPs: guardRanges(
      readLoadBalancerIPs(object, type),
      ranges,
      spec.path('loadBalancerSourceRanges'),
      report,
    ),
    ports,
    externalTrafficPolicy: spec.oneOf('externalTrafficPolicy', POLICIES, 'Cluster'),
    internalTrafficPolicy: spec.oneOf('internalTrafficPolicy', POLICIES, 'Cluster'),
    clientIPAffinitySeconds: readAffinity(spec),
    loadBalancerSourceRanges: ranges.cidrs,
    healthCheckNodePort: spec.integer('healthCheckNodePort', 0, 65535) ?? 0,
    labels: readLabels(metadata.fields, 'labels', kept.serviceLabels, report),
    annotations: readLabels(metadata.fields, 'annotations', kept.serviceAnnotations, report),
  }
}

/** ClusterIP when absent (core/v1). */
export function readType(spec: Fields): ServiceType | undefined {
  const value = spec.raw('type')
  if (value === undefined || value === '') return 'ClusterIP'
  if ((TYPES as readonly unknown[]).includes(value)) return value as ServiceType
  return spec.error('type', TYPES.join(', '))
}

/** `clusterIPs`, or `clusterIP` when that list is empty; one address a family (promises 1 and 18). */
function readClusterIPs(spec: Fields, report: Report): readonly IpAddress[] | undefined {
  const list = spec.raw('clusterIPs')
  if (list !== undefined && !Array.isArray(list)) return spec.error('clusterIPs', 'a list of addresses')
  const single = spec.raw('clusterIP')
  if (list === undefined || list.length === 0) return collectClusterIPs([single], () => spec.path('clusterIP'), report)
  const found = collectClusterIPs(list, (i) => `${spec.path('clusterIPs')}[${i}]`, report)
  if (found !== undefined && single !== undefined && single !== '' && single !== list[0]) {
    spec.warn('clusterIP', 'the first of spec.clusterIPs, which are taken')
  }
  return found
}

/** Promise 18: what is of a family that the Service does not have is ignored; kube-proxy tells so, too. */
function warnOfOtherFamilies(
  clusterIPs: readonly IpAddress[],
  given: readonly (IpAddress | Cidr)[],
  path: string,
  report: Report,
): void {
  const families = new Set(clusterIPs.map(familyOf))
  if (families.size !== 1) return
  const other = given.find((entry) => !families.has(familyOf(entry)))
  const family = families.has(4) ? 'IPv4' : 'IPv6'
  if (other !== undefined)
    report.warning(path, foundInstead(other, `${family} only, which the Service's cluster IP is`), 'wrong-family')
}

function isHeadless(spec: Fields): boolean {
  const [first]: readonly unknown[] = spec.list('clusterIPs')
  return first === 'None' || spec.raw('clusterIP') === 'None'
}

/** None, or one address a family; undefined, and an error, when one of them is no usable address. */
export function collectClusterIPs(
  values: readonly unknown[],
  path: (index: number) => string,
  report: Report,
): readonly IpAddress[] | undefined {
  if (values[0] === 'None') return NO_ADDRESSES
  const found: IpAddress[] = []
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value === undefined || value === null || value === '') continue
    const ip = parseOrdinaryIp(value, NEVER_ENDPOINT)
    if (ip === undefined) {
      return report.error(path(i), foundInstead(value, `${addressesAccepted(NEVER_ENDPOINT)}, or None`))
    }
    if (found.includes(ip)) continue
    if (found.some((other) => familyOf(other) === familyOf(ip))) {
      report.warning(path(i), foundInstead(value, 'one cluster IP of each family; the first is taken'))
    } else found.push(ip)
  }
  return found
}

/** Promise 28: entries without an address, and those whose ipMode is Proxy, are not served by a proxy. */
function* ingressIPs(object: Fields): Generator<IpAddress> {
  const loadBalancer = object.map('status')?.map('loadBalancer')
  if (loadBalancer === undefined) return
  for (const ingress of loadBalancer.maps('ingress')) {
    const value = ingress.raw('ip')
    if (value === undefined || value === '') continue
    const mode = ingress.raw('ipMode')
    if (mode === 'Proxy') continue
    if (mode !== undefined && mode !== 'VIP') {
      ingress.warn('ipMode', 'VIP or Proxy (the address is not served)')
      continue
    }
    const ip = parseOrdinaryIp(value, NEVER_VIRTUAL)
    if (ip === undefined) ingress.warn('ip', addressesAccepted(NEVER_VIRTUAL))
    else yield ip
  }
}

/** Only LoadBalancer Services have load-balancer addresses; the API server clears the status when the type changes. */
function readLoadBalancerIPs(object: Fields, type: ServiceType): readonly IpAddress[] {
  if (type !== 'LoadBalancer') return NO_ADDRESSES
  return [...new Set(ingressIPs(object))]
}

/**
 * A family whose source ranges were all bad must not become open to everybody (an empty list means no restriction,
 * promise 59): its load-balancer addresses are not served until the ranges are right.
 */
export function guardRanges(
  ips: readonly IpAddress[],
  ranges: Ranges,
  field: string,
  report: Report,
): readonly IpAddress[] {
  const guarded = new Set<Family>([...ranges.lost].filter((family) => !hasFamily(ranges.cidrs, family)))
  const kept = ips.filter((ip) => !guarded.has(familyOf(ip)))
  if (kept.length === ips.length) return ips
  const dropped = ips.filter((ip) => guarded.has(familyOf(ip))).join(', ')
  report.warning(field, `no usable source range is left for ${dropped}; not served, so that it is not open to all`)
  return kept
}

function hasFamily(cidrs: readonly Cidr[], family: Family): boolean {
  return cidrs.some((cidr) => familyOf(cidr) === family)
}

function readAffinity(spec: Fields): number | undefined {
  if (spec.oneOf('sessionAffinity', ['None', 'ClientIP'], 'None') === 'None') return undefined
  const clientIP = spec.map('sessionAffinityConfig')?.map('clientIP')
  return clientIP?.integer('timeoutSeconds', 1, MAX_AFFINITY_SECONDS) ?? DEFAULT_AFFINITY_SECONDS
}

/** Milliseconds since 1970; 0 when absent. */
function readTimestamp(metadata: Fields): number {
  const text = metadata.text('creationTimestamp')
  if (text === '') return 0
  const time = Date.parse(text)
  if (Number.isFinite(time)) return time
  metadata.warn('creationTimestamp', 'a time such as 2026-01-31T12:00:00Z')
  return 0
}
