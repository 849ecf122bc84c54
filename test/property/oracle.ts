import { BlockList, isIPv6 } from 'node:net'
import type { Manifest } from '../sluice/manifests.ts'

/*
 * What the Service contract says about one packet, worked out from the manifests alone, slowly and without any of the
 * product's code: each function is a promise or two, and says which.
 */

export type ClientKind = 'pod' | 'node' | 'outside'

/** The first packet of a connection. */
export interface Packet {
  readonly client: { readonly kind: ClientKind; readonly address: string }
  readonly family: 4 | 6
  /** An address; undefined for one of the node's own that serves node ports. */
  readonly address: string | undefined
  readonly protocol: string
  readonly port: number
}

/** `ADDRESS PORT` of the endpoints among which it is spread, sorted; or what happens in place of that. */
export type Outcome = readonly string[] | 'reject' | 'drop' | 'untouched'

export interface World {
  readonly objects: readonly Manifest[]
  readonly nodeName: string
  /** Whether pods can be told by their address. */
  readonly detectsPods: boolean
}

interface ServiceObject {
  readonly metadata: {
    readonly namespace: string
    readonly name: string
    readonly creationTimestamp?: string
    readonly labels?: Readonly<Record<string, string | undefined>>
  }
  readonly spec: {
    readonly type?: string
    readonly clusterIPs: readonly string[]
    readonly externalIPs?: readonly string[]
    readonly ports: readonly ServicePortObject[]
    readonly internalTrafficPolicy?: string
    readonly externalTrafficPolicy?: string
    readonly loadBalancerSourceRanges?: readonly string[]
  }
  readonly status?: { readonly loadBalancer: { readonly ingress: readonly { ip?: string; ipMode?: string }[] } }
}

interface ServicePortObject {
  readonly name?: string
  readonly port: number
  readonly protocol?: string
  readonly nodePort?: number
}

interface SliceObject {
  readonly metadata: {
    readonly namespace: string
    readonly name: string
    readonly labels: Readonly<Record<string, string | undefined>>
  }
  readonly addressType: string
  readonly ports: readonly {
    readonly name?: string | null
    readonly port?: number | null
    readonly protocol?: string
  }[]
  readonly endpoints: readonly EndpointObject[]
}

interface EndpointObject {
  readonly addresses: readonly string[]
  readonly conditions?: {
    readonly ready?: boolean | null
    readonly serving?: boolean | null
    readonly terminating?: boolean | null
  }
  readonly nodeName?: string | null
  readonly hints?: { readonly forZones?: readonly { name: string }[]; readonly forNodes?: readonly { name: string }[] }
}

type Kind = 'cluster' | 'external' | 'load-balancer' | 'node-port'

/** A ServicePort that wants the packet. */
interface Claim {
  readonly service: ServiceObject
  readonly port: ServicePortObject
  readonly kind: Kind
}

/** Where the promises send a packet. */
export function expectedOutcome(world: World, packet: Packet): Outcome {
  const claims = servicesOf(world).flatMap((service) => claimsOf(service, packet))
  const [claim] = claims.sort((a, b) => precedence(a, b))
  if (claim === undefined) return onActiveClusterIP(world, packet) ? 'reject' : 'untouched'
  const { service, port, kind } = claim
  // 56 and 57: a source that is not allowed is dropped, whatever else there is.
  if (kind === 'load-balancer' && !mayUse(service, packet)) return 'drop'
  const endpoints = endpointsOf(world, service, port, packet.family)
  const anywhere = narrowed(world, endpoints)
  // 46
  if (anywhere.length === 0) return 'reject'
  const policy = kind === 'cluster' ? service.spec.internalTrafficPolicy : service.spec.externalTrafficPolicy
  if (policy !== 'Local') return names(anywhere)
  // 42, 43 and 49
  const isOnNode = packet.client.kind === 'node' || (packet.client.kind === 'pod' && world.detectsPods)
  if (kind !== 'cluster' && isOnNode) return names(anywhere)
  const here = orTerminating(endpoints.filter((endpoint) => endpoint.isLocal))
  // 48
  return here.length > 0 ? names(here) : 'drop'
}

function objects<T>(world: World, kind: string): T[] {
  return world.objects.filter((object) => object['kind'] === kind) as unknown as T[]
}

/** 1 to 4: the Services that a proxy serves. */
function servicesOf(world: World): ServiceObject[] {
  return objects<ServiceObject>(world, 'Service').filter(({ metadata, spec }) => {
    const labels = metadata.labels ?? {}
    const isOther = 'service.kubernetes.io/service-proxy-name' in labels || 'service.kubernetes.io/headless' in labels
    return !isOther && spec.type !== 'ExternalName' && spec.clusterIPs.length > 0 && spec.clusterIPs[0] !== 'None'
  })
}

function familyOf(address: string): 4 | 6 {
  return isIPv6(address) ? 6 : 4
}

/** 18, 20, 21, 22, 27 and 28: which of its ports have this destination. */
function claimsOf(service: ServiceObject, { address, family, protocol, port: number }: Packet): Claim[] {
  const { clusterIPs, externalIPs = [], ports } = service.spec
  if (!clusterIPs.some((ip) => familyOf(ip) === family)) return []
  const ofProtocol = ports.filter((port) => (port.protocol ?? 'TCP') === protocol)
  if (address === undefined) {
    return ofProtocol.filter((port) => port.nodePort === number).map((port) => ({ service, port, kind: 'node-port' }))
  }
  const balanced = (service.status?.loadBalancer.ingress ?? [])
    .filter(({ ip, ipMode }) => ip !== undefined && (ipMode ?? 'VIP') === 'VIP')
    .map(({ ip }) => ip)
  let kind: Kind
  if (clusterIPs.includes(address)) kind = 'cluster'
  else if (balanced.includes(address)) kind = 'load-balancer'
  else if (externalIPs.includes(address)) kind = 'external'
  else return []
  return ofProtocol.filter((port) => port.port === number).map((port) => ({ service, port, kind }))
}

/** Of two Services that claim one destination the older one has it, then the first by namespace and by name. */
function precedence(a: Claim, b: Claim): number {
  const order = ({ service: { metadata } }: Claim): string[] => [
    metadata.creationTimestamp ?? '',
    metadata.namespace,
    metadata.name,
  ]
  const [first, second] = [order(a), order(b)]
  const at = first.findIndex((part, i) => part !== second[i])
  if (at === -1) return 0
  return (first[at] ?? '') < (second[at] ?? '') ? -1 : 1
}

/** 51, first half: a port that nobody claims, on an address that is somebody's cluster IP. */
function onActiveClusterIP(world: World, packet: Packet): boolean {
  const { address } = packet
  if (address === undefined) return false
  const others = servicesOf(world).flatMap(({ spec }) => spec.ports)
  return others.some(({ port, protocol = 'TCP' }) => {
    const claims = servicesOf(world).flatMap((service) => claimsOf(service, { ...packet, port, protocol }))
    return claims.sort(precedence)[0]?.kind === 'cluster'
  })
}

/** 18, 19 and 59: the ranges of the packet's family; without one, everybody may. */
function mayUse({ spec }: ServiceObject, { client, family }: Packet): boolean {
  const ranges = (spec.loadBalancerSourceRanges ?? [])
    .map((range) => range.trim())
    .filter((range) => familyOf(range.split('/')[0] ?? '') === family)
  if (ranges.length === 0) return true
  const type = family === 4 ? 'ipv4' : 'ipv6'
  const allowed = new BlockList()
  for (const range of ranges) {
    const [network = '', length] = range.split('/')
    allowed.addSubnet(network, Number(length), type)
  }
  return allowed.check(client.address, type)
}

interface Candidate {
  readonly address: string
  readonly port: number
  readonly isReady: boolean
  readonly isServing: boolean
  readonly isTerminating: boolean
  readonly isLocal: boolean
  readonly zones: readonly string[]
  readonly nodes: readonly string[]
  /** Decides between copies that are alike in all that 14 names: the one that says where it runs, then by what it says. */
  readonly order: string
}

/** 6 to 13: the endpoints of a ServicePort, each address and port once. */
function endpointsOf(world: World, service: ServiceObject, port: ServicePortObject, family: 4 | 6): Candidate[] {
  const { namespace, name } = service.metadata
  const slices = objects<SliceObject>(world, 'EndpointSlice')
    .filter(({ metadata, addressType }) => {
      const isOurs = metadata.namespace === namespace && metadata.labels['kubernetes.io/service-name'] === name
      return isOurs && !('service.kubernetes.io/headless' in metadata.labels) && addressType === `IPv${family}`
    })
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const copies = slices.flatMap((slice) => {
    const matching = slice.ports.filter((of) => {
      return of.name === (port.name ?? '') && (of.protocol ?? 'TCP') === (port.protocol ?? 'TCP') && (of.port ?? 0) > 0
    })
    return matching.flatMap((of) => slice.endpoints.map((endpoint) => candidate(world, endpoint, of.port ?? 0)))
  })
  return [...new Set(copies.map(key))].map((wanted) => best(copies.filter((copy) => key(copy) === wanted)))
}

/** 8, 11 and 16. */
function candidate({ nodeName }: World, endpoint: EndpointObject, port: number): Candidate {
  const { ready, serving, terminating } = endpoint.conditions ?? {}
  return {
    address: endpoint.addresses[0] ?? '',
    port,
    isReady: ready ?? true,
    isServing: serving ?? ready ?? true,
    isTerminating: terminating ?? false,
    isLocal: endpoint.nodeName === nodeName,
    zones: (endpoint.hints?.forZones ?? []).map((hint) => hint.name),
    nodes: (endpoint.hints?.forNodes ?? []).map((hint) => hint.name),
    order: orderOf(endpoint),
  }
}

function orderOf({ nodeName, conditions, hints }: EndpointObject): string {
  const named = (list: readonly { readonly name: string }[] = []) => list.map(({ name }) => name)
  return JSON.stringify([
    (nodeName ?? '') === '',
    nodeName ?? '',
    '',
    conditions?.terminating ?? false,
    named(hints?.forNodes),
    named(hints?.forZones),
  ])
}

/** 14: local, then ready, then serving, then the first in their order. */
function best(copies: readonly Candidate[]): Candidate {
  let left = copies
  for (const quality of ['isLocal', 'isReady', 'isServing'] as const) {
    const better = left.filter((copy) => copy[quality])
    if (better.length > 0) left = better
  }
  const [first] = [...left].sort((a, b) => (a.order < b.order ? -1 : 1))
  if (first === undefined) throw new TypeError('no copies')
  return first
}

/** 33 */
function orTerminating(endpoints: readonly Candidate[]): readonly Candidate[] {
  const ready = endpoints.filter((endpoint) => endpoint.isReady)
  return ready.length > 0 ? ready : endpoints.filter((endpoint) => endpoint.isServing && endpoint.isTerminating)
}

/** 33 and 35 to 38: the endpoints that policy Cluster allows. */
function narrowed(world: World, endpoints: readonly Candidate[]): readonly Candidate[] {
  const ready = endpoints.filter((endpoint) => endpoint.isReady)
  if (ready.length === 0) return orTerminating(endpoints)
  const zone = zoneOf(world)
  if (ready.every(({ nodes }) => nodes.length > 0)) {
    const near = ready.filter(({ nodes }) => nodes.includes(world.nodeName))
    if (near.length > 0) return near
  }
  if (zone !== '' && ready.every(({ zones }) => zones.length > 0)) {
    const near = ready.filter(({ zones }) => zones.includes(zone))
    if (near.length > 0) return near
  }
  return ready
}

function zoneOf(world: World): string {
  interface NodeObject {
    readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string | undefined>> }
  }
  const own = objects<NodeObject>(world, 'Node').find(({ metadata }) => metadata.name === world.nodeName)
  return own?.metadata.labels?.['topology.kubernetes.io/zone'] ?? ''
}

function key({ address, port }: Candidate): string {
  return `${address} ${port}`
}

function names(endpoints: readonly Candidate[]): readonly string[] {
  return endpoints.map(key).sort()
}
