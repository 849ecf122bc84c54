import type { Endpoint } from '../model/endpoint-slice.ts'

/** Where the node is. */
export interface NodePlace {
  /** The node's name in Kubernetes. */
  readonly name: string
  /** Its label topology.kubernetes.io/zone; empty when it has none, and then zones do not matter (promise 38). */
  readonly zone: string
}

/** Which endpoints of one ServicePort and family may be chosen, by traffic policy. */
export interface Categories {
  /** For traffic that may go to any node: what policy `Cluster` allows. */
  readonly cluster: ReadonlySet<Endpoint>
  /** For traffic that must stay on this node: what policy `Local` allows. */
  readonly local: ReadonlySet<Endpoint>
}

/**
 * Sorts the endpoints of one ServicePort and family. Ready ones are taken; where there are none, those that still serve
 * while they terminate (promise 33). Topology narrows the ready ones of policy `Cluster` only (promises 36 and 37).
 */
export function categorize(endpoints: readonly Endpoint[], place: NodePlace): Categories {
  const ready = endpoints.filter((endpoint) => endpoint.ready)
  const here = endpoints.filter((endpoint) => isHere(endpoint, place))
  const readyHere = here.filter((endpoint) => endpoint.ready)
  return {
    cluster: new Set(ready.length > 0 ? nearest(ready, place) : endpoints.filter(servesWhileTerminating)),
    local: new Set(readyHere.length > 0 ? readyHere : here.filter(servesWhileTerminating)),
  }
}

/** Promise 16: an endpoint whose node is not known is remote. */
export function isHere(endpoint: Endpoint, place: NodePlace): boolean {
  return endpoint.nodeName !== '' && endpoint.nodeName === place.name
}

function servesWhileTerminating(endpoint: Endpoint): boolean {
  return endpoint.serving && endpoint.terminating
}

/** Promise 35: the same node, then the same zone, then all. A kind of hint counts only when every endpoint has it. */
function nearest(ready: readonly Endpoint[], place: NodePlace): readonly Endpoint[] {
  return (
    hinted(ready, (endpoint) => endpoint.hintNodes, place.name) ??
    hinted(ready, (endpoint) => endpoint.hintZones, place.zone) ??
    ready
  )
}

/** The endpoints that are hinted for this name; undefined when the hints are incomplete or none names it. */
function hinted(
  ready: readonly Endpoint[],
  hintsOf: (endpoint: Endpoint) => readonly string[],
  name: string,
): readonly Endpoint[] | undefined {
  if (name === '' || ready.some((endpoint) => hintsOf(endpoint).length === 0)) return undefined
  const named = ready.filter((endpoint) => hintsOf(endpoint).includes(name))
  return named.length > 0 ? named : undefined
}
