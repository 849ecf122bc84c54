import type { EndpointPort } from '../model/endpoint-slice.ts'
import { cidrContains, FAMILIES, type Family, familyOf, type IpAddress, singleAddress } from '../model/ip.ts'
import { type EndpointScopes, type LocalEndpoint, type LocalService, portKey } from '../model/local.ts'
import type { ServicePort } from '../model/service.ts'
import type { DestinationClass, Pool, PoolEndpoint, VirtualServer } from './virtual-server.ts'

/** The virtual servers of a local Service: one for each address and port, and one for each node port and family. */
export function virtualServers(local: LocalService, options: VirtualServerOptions = {}): VirtualServer[] {
  return FAMILIES.flatMap((family) => familyServers(local, family, options))
}

/** What the operator wants of all Services. */
export interface VirtualServerOptions {
  /** Masquerade cluster-IP traffic of pods, too (promise 62). False when absent. */
  readonly masqueradeAll?: boolean
  /**
   * The node's own addresses: where one may use a load-balancer address, so may that address itself, which is what the node
   * sends from when it holds the address (promise 58). Empty when absent.
   */
  readonly nodeIPs?: readonly IpAddress[]
}

function familyServers(local: LocalService, family: Family, options: VirtualServerOptions): VirtualServer[] {
  const { service } = local
  const ofFamily = (address: IpAddress) => familyOf(address) === family
  const clusterIPs = service.clusterIPs.filter(ofFamily)
  // A family is served when the Service has a cluster IP in it (promise 18).
  if (clusterIPs.length === 0) return []
  const balanced = new Set(service.loadBalancerIPs)
  const external = [...new Set([...service.externalIPs, ...service.loadBalancerIPs])]
    .filter(ofFamily)
    // A cluster IP that is given as external IP, too, stays a cluster IP.
    .filter((address) => !clusterIPs.includes(address))
  const ranges = service.loadBalancerSourceRanges.filter((range) => familyOf(range) === family)
  const admitsNode = options.nodeIPs?.some((address) => ranges.some((range) => cidrContains(range, address))) ?? false
  const rangesOf = (address: IpAddress) => (admitsNode ? [...ranges, singleAddress(address)] : ranges)
  const offers = offersByPort(local, family)
  return service.ports.flatMap((port) => {
    const pools = portPools(local, port, family, offers, options)
    const server = (kind: DestinationClass, address: IpAddress | undefined): VirtualServer => ({
      family,
      class: kind,
      address,
      protocol: port.protocol,
      port: kind === 'node-port' ? port.nodePort : port.port,
      ...(kind === 'cluster' ? pools.internal : pools.external),
      // Only load-balancer addresses are restricted (promise 56).
      sourceRanges: address !== undefined && kind === 'external' && balanced.has(address) ? rangesOf(address) : [],
      affinitySeconds: service.clientIPAffinitySeconds ?? 0,
      service: local.key,
      portName: port.name,
      creationTimestamp: service.creationTimestamp,
    })
    const servers = [
      ...clusterIPs.map((address) => server('cluster', address)),
      ...external.map((address) => server('external', address)),
    ]
    if (port.nodePort !== 0) servers.push(server('node-port', undefined))
    return servers
  })
}

/** What a kind of destination does with its connections. */
type Choice = Pick<VirtualServer, 'pool' | 'shortCircuit' | 'serving' | 'whenEmpty' | 'masquerade'>

/** How a ServicePort's cluster IP is served, and how its other destinations are; the policies are independent (promise 45). */
function portPools(
  local: LocalService,
  port: ServicePort,
  family: Family,
  offers: ReadonlyMap<string, readonly Offer[]>,
  { masqueradeAll = false }: VirtualServerOptions,
): { internal: Choice; external: Choice } {
  const { internalTrafficPolicy, externalTrafficPolicy } = local.service
  const key = `${local.key}:${port.name}/${port.protocol}/${family}`
  const offered = offers.get(portKey(port.name, port.protocol)) ?? []
  const pool = (name: string, isEligible: (endpoint: LocalEndpoint) => boolean): Pool => ({
    key: name,
    endpoints: poolEndpoints(offered, isEligible),
  })
  const everywhere = pool(key, (endpoint) => endpoint.inCluster)
  const masquerade = masqueradeAll ? 'always' : 'off-cluster'
  const here = (scope: keyof EndpointScopes) => pool(`${key}/local`, (endpoint) => endpoint.scopes[scope])
  // Endpoints elsewhere, but none here: the client is to time out and not to be told that there is none (promise 48).
  const whenNoneHere = everywhere.endpoints.length > 0 ? 'drop' : 'reject'
  const serving = port.protocol === 'UDP' ? servingEndpoints(offered, everywhere) : []
  const unbound = { pool: everywhere, shortCircuit: undefined, serving, whenEmpty: 'reject' } as const
  return {
    internal:
      internalTrafficPolicy === 'Local'
        ? { pool: here('internal'), shortCircuit: undefined, serving, whenEmpty: whenNoneHere, masquerade }
        : { ...unbound, masquerade },
    external:
      externalTrafficPolicy === 'Local' && everywhere.endpoints.length > 0
        ? {
            pool: here('external'),
            shortCircuit: everywhere,
            serving,
            whenEmpty: whenNoneHere,
            masquerade: 'from-node',
          }
        : { ...unbound, masquerade: 'always' },
  }
}

/** Mostly those that are chosen, and then the list is shared: there is one for each destination of each Service. */
function servingEndpoints(offers: readonly Offer[], everywhere: Pool): readonly PoolEndpoint[] {
  const serving = poolEndpoints(offers, () => true)
  return serving.length === everywhere.endpoints.length ? everywhere.endpoints : serving
}

/** An endpoint and what number a ServicePort has there. */
interface Offer {
  readonly endpoint: LocalEndpoint
  readonly port: number
}

/** The offers of one family by {@link portKey}: a Service may have thousands of ports. */
function offersByPort(local: LocalService, family: Family): Map<string, Offer[]> {
  const offers = new Map<string, Offer[]>()
  // Endpoints of one slice share their list of ports, and then the keys need not be made for each of them.
  let ports: readonly EndpointPort[] | undefined
  let lists: Offer[][] = []
  for (const endpoint of local.endpoints) {
    if (familyOf(endpoint.address) !== family) continue
    if (endpoint.ports !== ports) {
      ports = endpoint.ports
      lists = ports.map(({ name, protocol }) => listOf(offers, portKey(name, protocol)))
    }
    for (let i = 0; i < ports.length; i++) lists[i]?.push({ endpoint, port: ports[i]?.port ?? 0 })
  }
  return offers
}

function listOf(offers: Map<string, Offer[]>, key: string): Offer[] {
  const known = offers.get(key)
  if (known !== undefined) return known
  const list: Offer[] = []
  offers.set(key, list)
  return list
}

/** Up to this many endpoints are compared with each other: that takes less than to make a key of each. */
const FEW_ENDPOINTS = 16

function poolEndpoints(offers: readonly Offer[], isEligible: (endpoint: LocalEndpoint) => boolean): PoolEndpoint[] {
  const endpoints: PoolEndpoint[] = []
  const seen = offers.length > FEW_ENDPOINTS ? new Set<string>() : undefined
  for (const { endpoint, port } of offers) {
    if (!isEligible(endpoint)) continue
    const { address } = endpoint
    const size = seen?.size
    if (seen === undefined ? has(endpoints, address, port) : seen.add(`${address} ${port}`).size === size) continue
    endpoints.push({ address, port, mayBeHere: endpoint.local || endpoint.unplaced })
  }
  return endpoints
}

function has(endpoints: readonly PoolEndpoint[], address: IpAddress, port: number): boolean {
  for (const other of endpoints) if (other.port === port && other.address === address) return true
  return false
}
