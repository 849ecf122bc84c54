import type { Cidr, IpAddress } from '../ip.ts'
import type { Protocol, Service, ServicePort, ServiceType } from '../service.ts'
import { NEVER_ENDPOINT, NEVER_VIRTUAL, type Ranges, readAddresses, readRanges, type SpecialRange } from './address.ts'
import type { Fields } from './fields.ts'
import { DEFAULT_KEPT, type KeptKeys } from './kept-keys.ts'
import { readIdentity, readLabels } from './metadata.ts'
import { readPortNumber } from './protocol.ts'
import { foundInstead, type Report } from './report.ts'
import { collectClusterIPs, DEFAULT_AFFINITY_SECONDS, guardRanges, MAX_AFFINITY_SECONDS, readType } from './service.ts'

/** localv1.Protocol: KPNG's file has the number. */
export const KPNG_PROTOCOLS: ReadonlyMap<unknown, Protocol> = new Map<unknown, Protocol>([
  [1, 'TCP'],
  [2, 'UDP'],
  [3, 'SCTP'],
  ['TCP', 'TCP'],
  ['UDP', 'UDP'],
  ['SCTP', 'SCTP'],
])

/** A Service port as KPNG has it: number and name of the target port apart. */
export interface KpngPort extends Omit<ServicePort, 'targetPort'> {
  /** 0 when not given. */
  readonly targetPort: number
  /** Empty when not given. */
  readonly targetPortName: string
}

export interface KpngService {
  readonly service: Service
  readonly ports: readonly KpngPort[]
}

/**
 * Reads a localv1.Service as KPNG's file has it: keys in lower case, addresses in sets of `v4` and `v6`.
 *
 * @returns undefined when it cannot be used at all; that is reported as an error.
 */
export function parseKpngService(
  fields: Fields,
  report: Report,
  kept: KeptKeys = DEFAULT_KEPT,
): KpngService | undefined {
  const identity = readIdentity(fields, 'Service', 'namespaced', report)
  if (identity === undefined) return undefined
  const ips = fields.map('ips')
  const clusterIPs = readClusterIPs(ips, report)
  if (clusterIPs === undefined) return undefined
  if (fields.has('ports') && !Array.isArray(fields.raw('ports'))) return fields.error('ports', 'a list of ports')
  const ports = readPorts(fields)
  if (ports.length === 0 && fields.list('ports').length > 0) return fields.error('ports', 'at least one usable port')
  const given = readSet(ips, 'loadbalancerips', NEVER_VIRTUAL, report)
  const type = fields.has('type') && fields.raw('type') !== '' ? readType(fields) : inferType(ports, given)
  if (type === undefined) return undefined
  const { ranges, unserved } = readFilters(fields, given, report)
  const served = (ip: IpAddress): boolean => !unserved.has(ip)
  const service: Service = {
    namespace: identity.namespace,
    name: identity.name,
    type,
    creationTimestamp: fields.integer('creationtimestamp', 0, Number.MAX_SAFE_INTEGER) ?? 0,
    clusterIPs,
    externalIPs: readSet(ips, 'externalips', NEVER_ENDPOINT, report).filter(served),
    loadBalancerIPs: guardRanges(given.filter(served), ranges, fields.path('ipfilters'), report),
    ports: ports.map(toServicePort),
    externalTrafficPolicy: fields.flag('externaltraffictolocal') ? 'Local' : 'Cluster',
    internalTrafficPolicy: fields.flag('internaltraffictolocal') ? 'Local' : 'Cluster',
    clientIPAffinitySeconds: readAffinity(fields),
    loadBalancerSourceRanges: ranges.cidrs,
    healthCheckNodePort: fields.integer('healthchecknodeport', 0, 65535) ?? 0,
    labels: readLabels(fields, 'labels', kept.serviceLabels, report),
    annotations: readLabels(fields, 'annotations', kept.serviceAnnotations, report),
  }
  return { service, ports }
}

/** KPNG's hand-written files often have no type; what they use says which one they need. */
function inferType(ports: readonly KpngPort[], loadBalancerIPs: readonly IpAddress[]): ServiceType {
  if (loadBalancerIPs.length > 0) return 'LoadBalancer'
  return ports.some((port) => port.nodePort > 0) ? 'NodePort' : 'ClusterIP'
}

/** `clusterips: { v4, v6 }`; older files have `clusterip: ADDRESS`. */
function readClusterIPs(ips: Fields | undefined, report: Report): readonly IpAddress[] | undefined {
  if (ips === undefined || ips.flag('headless')) return []
  const set = ips.map('clusterips')
  if (set === undefined) return collectClusterIPs([ips.raw('clusterip')], () => ips.path('clusterip'), report)
  const addresses = [...set.list('v4'), ...set.list('v6')]
  return collectClusterIPs(addresses, () => ips.path('clusterips'), report)
}

function readSet(
  ips: Fields | undefined,
  key: string,
  refused: readonly SpecialRange[],
  report: Report,
): readonly IpAddress[] {
  const set = ips?.map(key)
  if (set === undefined) return []
  return [...readAddresses(set, 'v4', report, refused), ...readAddresses(set, 'v6', report, refused)]
}

function readPorts(fields: Fields): KpngPort[] {
  const ports = new Map<string, KpngPort>()
  for (const entry of fields.maps('ports')) {
    const port = readPort(entry)
    if (port === undefined) continue
    if (ports.has(port.name)) entry.warn('name', 'a name that no other port of the Service has')
    else ports.set(port.name, port)
  }
  return [...ports.values()]
}

function readPort(entry: Fields): KpngPort | undefined {
  const protocol = KPNG_PROTOCOLS.get(entry.raw('protocol') ?? 'TCP')
  if (protocol === undefined) return entry.warn('protocol', '1 (TCP), 2 (UDP) or 3 (SCTP) (the port is not used)')
  const port = readPortNumber(entry, 'port')
  if (port === undefined) return undefined
  return {
    name: entry.name('name', 63),
    protocol,
    port,
    nodePort: entry.integer('nodeport', 0, 65535) ?? 0,
    targetPort: entry.integer('targetport', 0, 65535) ?? 0,
    targetPortName: entry.name('targetportname', 63),
  }
}

function toServicePort({ targetPort, targetPortName, ...port }: KpngPort): ServicePort {
  return { ...port, targetPort: targetPort || targetPortName || undefined }
}

/**
 * `sessionaffinity: { clientip: { timeoutseconds } }`, which KPNG writes and cannot read back; null is no affinity.
 * A timeout of 0 is one that was not given.
 */
function readAffinity(fields: Fields): number | undefined {
  const clientIP = fields.map('sessionaffinity')?.map('clientip')
  if (clientIP === undefined) return undefined
  return clientIP.integer('timeoutseconds', 0, MAX_AFFINITY_SECONDS) || DEFAULT_AFFINITY_SECONDS
}

interface Filters {
  readonly ranges: Ranges
  /** Addresses that must not be served, because their own filter cannot be expressed. */
  readonly unserved: ReadonlySet<IpAddress>
}

/**
 * `ipfilters`: a filter without target addresses, or for all load-balancer addresses, is loadBalancerSourceRanges. A filter
 * for single addresses has no counterpart in a Service: those are not served, rather than open to all.
 */
function readFilters(fields: Fields, loadBalancerIPs: readonly IpAddress[], report: Report): Filters {
  const cidrs = new Set<Cidr>()
  const lost = new Set<4 | 6>()
  const unserved: IpAddress[] = []
  for (const filter of fields.maps('ipfilters')) {
    const targets = readSet(filter, 'targetips', NEVER_VIRTUAL, report)
    const ranges = readRanges(filter, 'sourceranges', report)
    if (targets.length === 0 || loadBalancerIPs.every((ip) => targets.includes(ip))) {
      for (const cidr of ranges.cidrs) cidrs.add(cidr)
      for (const family of ranges.lost) lost.add(family)
    } else {
      const found = foundInstead(targets.join(', '), 'all load-balancer addresses, or none')
      report.warning(filter.path('targetips'), `${found} (they are not served)`)
      unserved.push(...targets)
    }
  }
  return { ranges: { cidrs: [...cidrs], lost }, unserved: new Set(unserved) }
}
