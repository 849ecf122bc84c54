import type { Endpoint, EndpointPort, EndpointSlice } from '../endpoint-slice.ts'
import { type LocalEndpoint, portKey } from '../local.ts'
import type { Service } from '../service.ts'
import { ipSet } from './addresses.ts'
import type { Contents } from './message.ts'
import { PROTOCOL } from './sets.ts'

/** An endpoint of the local state of this Service as localv1.Endpoint. */
export function localEndpointMessage(endpoint: LocalEndpoint, service: Service): Contents {
  const { address, hostname, local, ports, scopes, ready, inCluster, unplaced } = endpoint
  return {
    hostname,
    ips: ipSet([address]),
    local,
    portoverrides: portOverrides(ports, service),
    scopes,
    standing: { ready, incluster: inCluster, unplaced },
  }
}

/**
 * The endpoints of a Service, such that each stands for one address and all its ports, as far as its standing is the same for
 * all: a port's name can be in a localv1.Endpoint only once.
 */
export function mergePorts(endpoints: readonly LocalEndpoint[]): readonly LocalEndpoint[] {
  if (new Set(endpoints.map(({ address }) => address)).size === endpoints.length) return endpoints
  const merged: { endpoint: LocalEndpoint; ports: EndpointPort[] }[] = []
  const byStanding = new Map<string, typeof merged>()
  for (const endpoint of endpoints) {
    const standing = standingKey(endpoint)
    const others = byStanding.get(standing)
    const other = others?.find(({ ports }) => areDisjoint(ports, endpoint.ports))
    if (other !== undefined) {
      other.ports.push(...endpoint.ports)
      continue
    }
    const added = { endpoint, ports: [...endpoint.ports] }
    merged.push(added)
    if (others === undefined) byStanding.set(standing, [added])
    else others.push(added)
  }
  return merged.map(({ endpoint, ports }) => ({ ...endpoint, ports }))
}

function standingKey(endpoint: LocalEndpoint): string {
  const { address, hostname, podName, local, unplaced, ready, inCluster, scopes } = endpoint
  return [address, hostname, podName, local, unplaced, ready, inCluster, scopes.internal, scopes.external].join()
}

function areDisjoint(ports: readonly EndpointPort[], more: readonly EndpointPort[]): boolean {
  const taken = new Set(ports.map(({ name, protocol }) => portKey(name, protocol)))
  return more.every(({ name, protocol }) => !taken.has(portKey(name, protocol)))
}

/** An endpoint of a slice of this Service as globalv1.EndpointInfo, without its hash. */
export function endpointInfoMessage(slice: EndpointSlice, endpoint: Endpoint, service: Service): Contents {
  const { address, hostname, podName, ready, serving, terminating, nodeName, zone, hintZones, hintNodes } = endpoint
  const isHinted = hintZones.length + hintNodes.length > 0
  return {
    namespace: slice.namespace,
    sourcename: slice.name,
    servicename: slice.service.slice(slice.service.indexOf('/') + 1),
    podname: podName,
    endpoint: { hostname, ips: ipSet([address]), portoverrides: portOverrides(slice.ports, service) },
    conditions: { ready, serving, terminating },
    topology: { node: nodeName, zone },
    hints: isHinted ? { zones: hintZones, nodes: hintNodes } : undefined,
  }
}

/**
 * The number of an unnamed port is given a second time by the name of its target, where it has one: KPNG's clients look for
 * that name only.
 */
function portOverrides(ports: readonly EndpointPort[], service: Service): Contents[] {
  const overrides: Contents[] = ports.map(({ name, protocol, port }) => ({ name, port, protocol: PROTOCOL[protocol] }))
  const unnamed = service.ports.find(({ name, targetPort }) => name === '' && typeof targetPort === 'string')
  const target = unnamed && ports.find(({ name, protocol }) => name === '' && protocol === unnamed.protocol)
  if (target !== undefined) overrides.push({ name: unnamed?.targetPort, port: target.port })
  return overrides
}
