import type { Endpoint, EndpointPort, EndpointSlice } from '../endpoint-slice.ts'
import { FAMILIES, familyOf } from '../ip.ts'
import { portKey } from '../local.ts'
import { serviceKey } from '../service.ts'
import { addressesAccepted, NEVER_ENDPOINT, parseOrdinaryIp } from './address.ts'
import { NO_HINTS } from './endpoint-slice.ts'
import type { Fields } from './fields.ts'
import { MAX_LABEL, MAX_NAME, type Metadata, readMetadata } from './metadata.ts'
import { readPortNumber, readProtocol } from './protocol.ts'
import type { Report } from './report.ts'

/** Kubernetes does not mirror Endpoints that carry this label with the value `true`. */
const SKIP_LABEL = 'endpointslice.kubernetes.io/skip-mirror'
/** Endpoints with this annotation are a leader election's lock, not endpoints; Kubernetes does not mirror them. */
const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader'

/**
 * Reads core/v1 Endpoints into what the EndpointSliceMirroring controller would make of them: a slice for each subset and
 * family that has addresses. The slices' names have colons, so that they can be no other slice's name.
 *
 * @returns undefined when the object cannot be used at all; that is reported as an error.
 */
export function parseEndpoints(object: Fields, report: Report): EndpointSlice[] | undefined {
  const metadata = readMetadata(object, 'Endpoints', 'namespaced', report)
  if (metadata === undefined) return undefined
  if (object.has('subsets') && !Array.isArray(object.raw('subsets'))) return object.error('subsets', 'a list')
  if (!isMirrored(metadata.fields)) return []
  const slices: EndpointSlice[] = []
  let subset = 0
  for (const fields of object.maps('subsets')) mirrorSubset(fields, subset++, metadata, slices, report)
  return slices
}

function isMirrored(metadata: Fields): boolean {
  const skip = metadata.map('labels')?.raw(SKIP_LABEL)
  return skip !== 'true' && skip !== true && !metadata.map('annotations')?.has(LEADER_ANNOTATION)
}

function mirrorSubset(
  subset: Fields,
  index: number,
  { namespace, name }: Metadata,
  into: EndpointSlice[],
  report: Report,
): void {
  const ports = readPorts(subset, report)
  const endpoints = [...readAddresses(subset, 'addresses', true), ...readAddresses(subset, 'notReadyAddresses', false)]
  for (const family of FAMILIES) {
    const own = endpoints.filter((endpoint) => familyOf(endpoint.address) === family)
    if (own.length === 0) continue
    into.push({
      namespace,
      name: `${name}:endpoints:${index}:ipv${family}`,
      service: serviceKey(namespace, name),
      family,
      ports,
      endpoints: own,
    })
  }
}

/** An absent name is the empty name here, as the controller mirrors it. */
function readPorts(subset: Fields, report: Report): EndpointPort[] {
  const ports: EndpointPort[] = []
  const taken = new Set<string>()
  for (const fields of subset.maps('ports')) {
    const problems = report.count
    const name = fields.name('name', 63)
    const protocol = readProtocol(fields)
    const port = readPortNumber(fields, 'port')
    if (report.count > problems || protocol === undefined || port === undefined) continue
    const key = portKey(name, protocol)
    if (taken.has(key)) fields.warn('name', 'a name that no other port of the subset has')
    else ports.push({ name, protocol, port })
    taken.add(key)
  }
  return ports
}

function* readAddresses(subset: Fields, key: string, ready: boolean): Generator<Endpoint> {
  for (const fields of subset.maps(key)) {
    const address = parseOrdinaryIp(fields.raw('ip'), NEVER_ENDPOINT)
    if (address === undefined) {
      fields.warn('ip', `${addressesAccepted(NEVER_ENDPOINT)} (the endpoint is not used)`)
      continue
    }
    const target = fields.map('targetRef')
    yield {
      address,
      ready,
      serving: ready,
      terminating: false,
      nodeName: fields.name('nodeName', MAX_NAME),
      zone: '',
      hostname: fields.name('hostname', MAX_LABEL),
      podName: target?.text('kind') === 'Pod' ? target.name('name', MAX_NAME) : '',
      hintZones: NO_HINTS,
      hintNodes: NO_HINTS,
    }
  }
}
