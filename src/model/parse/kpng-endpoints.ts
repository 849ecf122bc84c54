import type { Endpoint, EndpointPort, EndpointSlice } from '../endpoint-slice.ts'
import { FAMILIES, type Family, familyOf, type IpAddress } from '../ip.ts'
import { portKey } from '../local.ts'
import { type Service, serviceKey } from '../service.ts'
import { addressesAccepted, NEVER_ENDPOINT, parseOrdinaryIp } from './address.ts'
import { NO_HINTS } from './endpoint-slice.ts'
import { type Fields, isName } from './fields.ts'
import { KPNG_PROTOCOLS, type KpngPort } from './kpng-service.ts'
import { MAX_LABEL, MAX_NAME } from './metadata.ts'
import { foundInstead, type Report } from './report.ts'

interface Group {
  readonly source: string
  readonly family: Family
  readonly ports: readonly EndpointPort[]
  readonly endpoints: Endpoint[]
}

/**
 * Turns the `endpoints` beside a KPNG service into EndpointSlices: one for each source (the slice they once came from),
 * family, and set of target ports.
 */
export function parseKpngEndpoints(
  item: Fields,
  service: Service,
  ports: readonly KpngPort[],
  report: Report,
): EndpointSlice[] {
  const groups = new Map<string, Group>()
  for (const fields of item.maps('endpoints')) readEndpoint(fields, service.name, ports, groups, report)
  const taken = new Map<string, number>()
  return [...groups.values()].map(({ source, family, ports, endpoints }) => {
    const count = taken.get(source) ?? 0
    taken.set(source, count + 1)
    return {
      namespace: service.namespace,
      name: count === 0 ? source : `${source}:${count}`,
      service: serviceKey(service.namespace, service.name),
      family,
      ports,
      endpoints,
    }
  })
}

function readEndpoint(
  fields: Fields,
  service: string,
  servicePorts: readonly KpngPort[],
  groups: Map<string, Group>,
  report: Report,
): void {
  const problems = report.count
  const inner = fields.map('endpoint')
  if (inner === undefined) return fields.warn('endpoint', 'a mapping (the endpoint is not used)')
  const conditions = fields.map('conditions')
  const ready = conditions?.flag('ready') ?? true
  const serving = conditions?.flag('serving') ?? ready
  const terminating = conditions?.flag('terminating') ?? false
  // As in an EndpointSlice, a condition that cannot be read must not turn into true.
  if (report.count > problems) return
  const ports = readKpngPorts(inner, servicePorts, report)
  const source = sliceName(fields, service)
  const endpoint = {
    ready,
    serving,
    terminating,
    ...readPlace(fields),
    hostname: inner.name('hostname', MAX_LABEL),
    podName: fields.name('podname', MAX_NAME),
    hintZones: readHints(fields, 'zones'),
    hintNodes: readHints(fields, 'nodes'),
  }
  for (const address of readKpngAddresses(inner, report)) {
    const family = familyOf(address)
    const key = `${source} ${family} ${ports.map((port) => `${port.name}/${port.protocol}/${port.port}`).join(' ')}`
    let group = groups.get(key)
    if (group === undefined) {
      group = { source, family, ports, endpoints: [] }
      groups.set(key, group)
    }
    group.endpoints.push({ address, ...endpoint })
  }
}

/**
 * The slice's name: its source, made to begin with the Service's name so that it belongs to no other Service. KPNG itself
 * forgets the source of what it reads from a file.
 */
function sliceName(fields: Fields, service: string): string {
  const source = fields.raw('sourcename')
  const plain = typeof source === 'string' ? source.replaceAll(':', '-') : ''
  if (!isName(plain, MAX_NAME)) return service
  return plain.startsWith(service) ? (source as string) : `${service}:${source as string}`
}

/** The node is in `topology`; older files have `nodename`, and the topology under Kubernetes' label names. */
function readPlace(fields: Fields): { nodeName: string; zone: string } {
  const topology = fields.map('topology')
  return {
    nodeName:
      topology?.name('node', MAX_NAME) ||
      topology?.name('kubernetes.io/hostname', MAX_NAME) ||
      fields.name('nodename', MAX_NAME),
    zone: topology?.name('zone', MAX_LABEL) || (topology?.name('topology.kubernetes.io/zone', MAX_LABEL) ?? ''),
  }
}

function readHints(fields: Fields, key: string): readonly string[] {
  const hints = fields.map('hints')?.list(key) ?? NO_HINTS
  const names = hints.filter((name) => isName(name, MAX_NAME))
  return names.length === 0 ? NO_HINTS : names
}

/** The first address of each family: KPNG does not keep the order, and only one of a slice's addresses counts. */
export function readKpngAddresses(endpoint: Fields, report: Report): IpAddress[] {
  const ips = endpoint.map('ips')
  const found: IpAddress[] = []
  for (const family of FAMILIES) {
    const value = ips?.list(`v${family}`)[0]
    if (value === undefined) continue
    const ip = parseOrdinaryIp(value, NEVER_ENDPOINT)
    if (ip !== undefined && familyOf(ip) === family) found.push(ip)
    else {
      const accepted = `${addressesAccepted(NEVER_ENDPOINT, family)} (the address is not used)`
      report.warning(`${endpoint.path('ips')}.v${family}[0]`, foundInstead(value, accepted))
    }
  }
  return found
}

/**
 * The target port of each Service port: the override of the port's name, else of its targetPortName. An endpoint without
 * overrides has targetPort, or the Service's own port. Overrides are the ports of the slice that the endpoint came from, so
 * a named port that is not among them is not served by that endpoint (promise 10). Overrides that name their protocol, which
 * KPNG's do not, are the slice's ports as they are, and nothing is guessed.
 */
export function readKpngPorts(endpoint: Fields, servicePorts: readonly KpngPort[], report: Report): EndpointPort[] {
  const overrides = readOverrides(endpoint)
  const ports: EndpointPort[] = []
  for (const { name, protocol, port, targetPort, targetPortName } of servicePorts) {
    const overridden = overrides.exact.get(portKey(name, protocol)) ?? overrides.named.get(name)
    if (overridden !== undefined) ports.push({ name, protocol, port: overridden })
    else if (overrides.exact.size > 0) continue
    else if (overrides.named.has(targetPortName))
      ports.push({ name, protocol, port: overrides.named.get(targetPortName) ?? 0 })
    else if (endpoint.list('portoverrides').length > 0 && name !== '') continue
    else if (targetPort === 0 && targetPortName !== '') {
      const wanted = `a port override named ${JSON.stringify(targetPortName)}`
      report.warning(endpoint.path('portoverrides'), foundInstead(endpoint.raw('portoverrides'), wanted))
    } else ports.push({ name, protocol, port: targetPort || port })
  }
  return ports
}

interface Overrides {
  /** By {@link portKey}. */
  readonly exact: ReadonlyMap<string, number>
  /** By name, where the protocol is not given. */
  readonly named: ReadonlyMap<string, number>
}

function readOverrides(endpoint: Fields): Overrides {
  const exact = new Map<string, number>()
  const named = new Map<string, number>()
  for (const override of endpoint.maps('portoverrides')) {
    const port = override.integer('port', 1, 65535)
    if (port === undefined) continue
    const name = override.name('name', 63)
    if (!override.has('protocol')) named.set(name, port)
    else {
      const protocol = KPNG_PROTOCOLS.get(override.raw('protocol'))
      if (protocol === undefined) override.warn('protocol', '1 (TCP), 2 (UDP) or 3 (SCTP) (the port is not used)')
      else exact.set(portKey(name, protocol), port)
    }
  }
  return { exact, named }
}
