import type { Endpoint, EndpointPort, EndpointSlice } from '../endpoint-slice.ts'
import { type Family, familyOf, type IpAddress } from '../ip.ts'
import { portKey } from '../local.ts'
import { HEADLESS_LABEL, serviceKey } from '../service.ts'
import { addressesAccepted, NEVER_ENDPOINT, parseOrdinaryIp } from './address.ts'
import { type Fields, isName } from './fields.ts'
import { MAX_LABEL, MAX_NAME, readMetadata } from './metadata.ts'
import { readProtocol } from './protocol.ts'
import { foundInstead, type Report } from './report.ts'

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'
/** What the EndpointSlice controller writes, for measuring how long it takes until the network obeys. */
const TRIGGER_TIME_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time'
/** RFC 3339. */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/

/** Shared by all endpoints without hints. */
export const NO_HINTS: readonly string[] = Object.freeze([])

/** Which API version the slice has: v1beta1 gave node and zone in a topology map. */
export type SliceVersion = 'v1' | 'v1beta1'

/**
 * Reads a discovery.k8s.io EndpointSlice.
 *
 * @returns `ignored` for a slice that is right but not for a proxy: FQDN slices (promise 7) and headless ones (promise 4)
 *   quietly, one that names no Service (promise 6) with a warning. undefined for a bad one, reported as an error.
 */
export function parseEndpointSlice(
  object: Fields,
  version: SliceVersion,
  report: Report,
): EndpointSlice | 'ignored' | undefined {
  const metadata = readMetadata(object, 'EndpointSlice', 'namespaced', report)
  if (metadata === undefined) return undefined
  const labels = metadata.fields.map('labels')
  if (labels?.has(HEADLESS_LABEL)) return 'ignored'
  const addressType = object.raw('addressType')
  if (addressType === 'FQDN') return 'ignored'
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return object.error('addressType', 'IPv4, IPv6 or FQDN')
  const service = labels?.raw(SERVICE_NAME_LABEL)
  if (!isName(service, MAX_NAME)) {
    const path = `${metadata.fields.path('labels')}[${JSON.stringify(SERVICE_NAME_LABEL)}]`
    report.warning(path, `${foundInstead(service, "a Service's name")} (the slice is not used)`)
    return 'ignored'
  }
  if (object.has('endpoints') && !Array.isArray(object.raw('endpoints'))) return object.error('endpoints', 'a list')
  if (object.has('ports') && !Array.isArray(object.raw('ports'))) return object.error('ports', 'a list')
  const family = addressType === 'IPv4' ? 4 : 6
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    service: serviceKey(metadata.namespace, service),
    family,
    ports: readSlicePorts(object, report),
    endpoints: readEndpoints(object, family, version, report),
    ...readTriggerTime(metadata.fields),
  }
}

/** A text that is no time is no problem: nobody is served otherwise for it. */
function readTriggerTime(metadata: Fields): Pick<EndpointSlice, 'lastChangeTriggerTime'> | undefined {
  const text = metadata.map('annotations')?.raw(TRIGGER_TIME_ANNOTATION)
  const time = typeof text === 'string' && TIMESTAMP.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) ? undefined : { lastChangeTriggerTime: time }
}

/** A port without a name or number is no port (promise 9); the empty name belongs to an unnamed Service port. */
function readSlicePorts(object: Fields, report: Report): EndpointPort[] {
  const ports: EndpointPort[] = []
  const taken = new Set<string>()
  for (const fields of object.maps('ports')) {
    if (!fields.has('name')) {
      fields.warn('name', 'a name, or "" for an unnamed Service port (the port is not used)')
      continue
    }
    const number = fields.raw('port')
    if (number === undefined || number === 0) continue
    const problems = report.count
    const name = fields.name('name', 63)
    const protocol = readProtocol(fields)
    const port = fields.integer('port', 1, 65535)
    if (report.count > problems || protocol === undefined || port === undefined) continue
    const key = portKey(name, protocol)
    if (taken.has(key)) fields.warn('name', 'a name that no other port of the slice has')
    else ports.push({ name, protocol, port })
    taken.add(key)
  }
  return ports
}

function readEndpoints(object: Fields, family: Family, version: SliceVersion, report: Report): Endpoint[] {
  const endpoints: Endpoint[] = []
  for (const fields of object.maps('endpoints')) {
    const endpoint = readEndpoint(fields, family, version, report)
    if (endpoint !== undefined) endpoints.push(endpoint)
  }
  return endpoints
}

function readEndpoint(fields: Fields, family: Family, version: SliceVersion, report: Report): Endpoint | undefined {
  const problems = report.count
  const address = readFirstAddress(fields, family, report)
  const conditions = fields.map('conditions')
  const ready = conditions?.flag('ready') ?? true
  const serving = conditions?.flag('serving') ?? ready
  const terminating = conditions?.flag('terminating') ?? false
  // A condition that cannot be read must not turn into its default, true: the endpoint may be one that is not ready.
  if (address === undefined || report.count > problems) return undefined
  const topology = version === 'v1beta1' ? fields.map('topology') : undefined
  const hints = fields.map('hints')
  const target = fields.map('targetRef')
  return {
    address,
    ready,
    serving,
    terminating,
    nodeName: fields.name('nodeName', MAX_NAME) || (topology?.name('kubernetes.io/hostname', MAX_NAME) ?? ''),
    zone: fields.name('zone', MAX_LABEL) || (topology?.name('topology.kubernetes.io/zone', MAX_LABEL) ?? ''),
    hostname: fields.name('hostname', MAX_LABEL),
    podName: target?.text('kind') === 'Pod' ? target.name('name', MAX_NAME) : '',
    hintZones: hints === undefined ? NO_HINTS : readHints(hints, 'forZones', MAX_LABEL),
    hintNodes: hints === undefined ? NO_HINTS : readHints(hints, 'forNodes', MAX_NAME),
  }
}

/** Only the first address counts (promise 8), and it must be of the slice's family. */
function readFirstAddress(fields: Fields, family: Family, report: Report): IpAddress | undefined {
  const first: unknown = fields.list('addresses')[0]
  const ip = parseOrdinaryIp(first, NEVER_ENDPOINT)
  if (ip !== undefined && familyOf(ip) === family) return ip
  const accepted = `${addressesAccepted(NEVER_ENDPOINT, family)} (the endpoint is not used)`
  const kind = ip === undefined ? undefined : 'wrong-family'
  report.warning(`${fields.path('addresses')}[0]`, foundInstead(first, accepted), kind)
  return undefined
}

function readHints(hints: Fields, key: string, max: number): readonly string[] {
  let names: string[] | undefined
  for (const hint of hints.maps(key)) {
    const name = hint.name('name', max)
    if (name === '') continue
    names ??= []
    names.push(name)
  }
  return names ?? NO_HINTS
}
