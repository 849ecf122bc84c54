import type { Endpoint, EndpointPort, EndpointSlice } from '../model/endpoint-slice.ts'
import { type EndpointScopes, type LocalEndpoint, portKey } from '../model/local.ts'

const BOTH_SCOPES: EndpointScopes = { internal: true, external: true }

/**
 * The endpoints that a node may use for a Service: the ready ones of all its slices (promises 11, 12, 33), each address and
 * port once (promise 13), and the copy on this node where two slices disagree (promise 14).
 */
export function selectEndpoints(slices: Iterable<EndpointSlice>, nodeName: string): LocalEndpoint[] {
  const ordered = [...slices].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  if (ordered.length === 1 && ordered[0] !== undefined && hasDistinctAddresses(ordered[0])) {
    const [slice] = ordered
    return slice.endpoints.filter((e) => e.ready).map((e) => localEndpoint(e, slice.ports, nodeName))
  }
  return merge(ordered, nodeName)
}

function merge(slices: readonly EndpointSlice[], nodeName: string): LocalEndpoint[] {
  const chosen = new Map<string, { endpoint: Endpoint; port: EndpointPort }>()
  for (const slice of slices) {
    for (const endpoint of slice.endpoints) {
      if (!endpoint.ready) continue
      for (const port of slice.ports) {
        const key = `${endpoint.address} ${port.port} ${portKey(port.name, port.protocol)}`
        const known = chosen.get(key)
        if (known === undefined || (known.endpoint.nodeName !== nodeName && endpoint.nodeName === nodeName)) {
          chosen.set(key, { endpoint, port })
        }
      }
    }
  }
  const byEndpoint = new Map<Endpoint, EndpointPort[]>()
  for (const { endpoint, port } of chosen.values()) {
    const ports = byEndpoint.get(endpoint)
    if (ports === undefined) byEndpoint.set(endpoint, [port])
    else ports.push(port)
  }
  return [...byEndpoint].map(([endpoint, ports]) => localEndpoint(endpoint, ports, nodeName))
}

function hasDistinctAddresses(slice: EndpointSlice): boolean {
  return new Set(slice.endpoints.map((endpoint) => endpoint.address)).size === slice.endpoints.length
}

function localEndpoint(endpoint: Endpoint, ports: readonly EndpointPort[], nodeName: string): LocalEndpoint {
  return {
    address: endpoint.address,
    local: endpoint.nodeName !== '' && endpoint.nodeName === nodeName,
    unplaced: endpoint.nodeName === '',
    ports,
    scopes: BOTH_SCOPES,
  }
}
