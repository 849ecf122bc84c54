import type { Endpoint, EndpointPort, EndpointSlice } from '../model/endpoint-slice.ts'
import { FAMILIES } from '../model/ip.ts'
import { type LocalEndpoint, portKey } from '../model/local.ts'
import type { Service } from '../model/service.ts'
import { type Categories, categorize, isHere, type NodePlace } from './categorize.ts'

/** An endpoint with one of its ports. */
interface Candidate {
  readonly endpoint: Endpoint
  readonly port: EndpointPort
}

/**
 * The endpoints of a Service that are ready or still serve, of all its slices (promise 12), each address and port once
 * (promise 13), with the kinds of traffic that they may be chosen for. Which are eligible is decided for each port and family
 * apart.
 */
export function selectEndpoints(service: Service, slices: Iterable<EndpointSlice>, place: NodePlace): LocalEndpoint[] {
  const ordered = [...slices].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const selected: LocalEndpoint[] = []
  for (const family of FAMILIES) {
    const ofFamily = ordered.filter((slice) => slice.family === family)
    const [only] = ofFamily
    if (ofFamily.length === 1 && only !== undefined && hasDistinctAddresses(only)) {
      selectWhole(service, only, place, selected)
    } else selectMerged(service, ofFamily, place, selected)
  }
  return selected
}

/** One slice with distinct addresses: all its ports have the same endpoints. */
function selectWhole(service: Service, slice: EndpointSlice, place: NodePlace, selected: LocalEndpoint[]): void {
  if (slice.ports.length === 0) return
  const categories = categorize(slice.endpoints, place)
  for (const endpoint of slice.endpoints) {
    const local = localEndpoint(service, endpoint, slice.ports, categories, place)
    if (local !== undefined) selected.push(local)
  }
}

function selectMerged(
  service: Service,
  slices: readonly EndpointSlice[],
  place: NodePlace,
  selected: LocalEndpoint[],
): void {
  for (const candidates of byPort(slices, place).values()) {
    const categories = categorize(
      candidates.map(({ endpoint }) => endpoint),
      place,
    )
    for (const { endpoint, port } of candidates) {
      const local = localEndpoint(service, endpoint, [port], categories, place)
      if (local !== undefined) selected.push(local)
    }
  }
}

/** The candidates of each ServicePort, an address and port number once. */
function byPort(slices: readonly EndpointSlice[], place: NodePlace): Map<string, Candidate[]> {
  const chosen = new Map<string, Candidate>()
  for (const slice of slices) {
    for (const endpoint of slice.endpoints) {
      for (const port of slice.ports) {
        const key = `${endpoint.address} ${port.port} ${portKey(port.name, port.protocol)}`
        const known = chosen.get(key)
        if (known === undefined || comesBefore(endpoint, known.endpoint, place)) {
          chosen.set(key, { endpoint, port })
        }
      }
    }
  }
  const ports = new Map<string, Candidate[]>()
  for (const candidate of chosen.values()) {
    const key = portKey(candidate.port.name, candidate.port.protocol)
    const candidates = ports.get(key)
    if (candidates === undefined) ports.set(key, [candidate])
    else candidates.push(candidate)
  }
  return ports
}

/**
 * Of two copies that are alike in what promise 14 names, the one with a place counts, and then one that does not depend on the order
 * in which they came: whoever is told of them over the wire comes to the same.
 */
function comesBefore(endpoint: Endpoint, known: Endpoint, place: NodePlace): boolean {
  const difference = rank(endpoint, place) - rank(known, place)
  return difference > 0 || (difference === 0 && endpoint !== known && tieText(endpoint) < tieText(known))
}

function tieText({ nodeName, zone, terminating, hintNodes, hintZones, podName, hostname }: Endpoint): string {
  return JSON.stringify([nodeName === '', nodeName, zone, terminating, hintNodes, hintZones, podName, hostname])
}

/** Promise 14: of two copies the one on this node counts, then the ready one, then the serving one. */
function rank(endpoint: Endpoint, place: NodePlace): number {
  return (isHere(endpoint, place) ? 4 : 0) + (endpoint.ready ? 2 : 0) + (endpoint.serving ? 1 : 0)
}

function hasDistinctAddresses(slice: EndpointSlice): boolean {
  return new Set(slice.endpoints.map((endpoint) => endpoint.address)).size === slice.endpoints.length
}

/** Undefined when it does not serve at all. */
function localEndpoint(
  service: Service,
  endpoint: Endpoint,
  ports: readonly EndpointPort[],
  { cluster, local }: Categories,
  place: NodePlace,
): LocalEndpoint | undefined {
  const inCluster = cluster.has(endpoint)
  const inLocal = local.has(endpoint)
  if (!endpoint.ready && !endpoint.serving) return undefined
  // The two policies are independent of each other (promise 45).
  const internal = service.internalTrafficPolicy === 'Local' ? inLocal : inCluster
  const external = service.externalTrafficPolicy === 'Local' ? inLocal : inCluster
  return {
    address: endpoint.address,
    local: isHere(endpoint, place),
    unplaced: endpoint.nodeName === '',
    ready: endpoint.ready,
    ports,
    scopes: { internal, external },
    inCluster,
    hostname: endpoint.hostname,
    podName: endpoint.podName,
  }
}
