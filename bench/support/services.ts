import { type Cidr, type Family, ipFromBytes, parseCidr } from '../../src/model/ip.ts'
import type { ServiceKey } from '../../src/model/service.ts'
import { familyState } from '../../src/sinks/nft/family-state.ts'
import { leftoversOf } from '../../src/sinks/nft/leftovers.ts'
import type { RenderedState } from '../../src/sinks/nft/render.ts'
import { destinationKey, type PoolEndpoint, type VirtualServer } from '../../src/virtual-server/virtual-server.ts'

/** Where the made-up pods live. */
export const POD_CIDRS: readonly Cidr[] = ['10.128.0.0/9', 'fd00:10::/32'].map((text) => {
  const cidr = parseCidr(text)
  if (cidr === undefined) throw new TypeError(text)
  return cidr
})
const FIRST_CLUSTER_IP = 0x0a_60_00_01
const FIRST_POD = 0x0a_80_00_01

/** An IPv4 address by its number; for IPv6 the number in fd00:96::/32 or fd00:10::/32. */
function address(family: Family, number: number) {
  const bytes = Buffer.alloc(family === 4 ? 4 : 16)
  if (family === 6) bytes.writeUInt32BE(number >= FIRST_POD ? 0xfd00_0010 : 0xfd00_0096)
  bytes.writeUInt32BE(number, bytes.length - 4)
  return ipFromBytes(bytes)
}

/** The endpoint with this number among all endpoints of all Services. */
export function endpoint(number: number, family: Family = 4, port = 8080): PoolEndpoint {
  return { address: address(family, FIRST_POD + number), port, mayBeHere: false }
}

/** A Service with one cluster IP, one port and endpoints of its own. */
export function virtualServer(index: number, endpoints: readonly PoolEndpoint[], family: Family = 4): VirtualServer {
  const service = `namespace-${index % 100}/service-${index}` as ServiceKey
  return {
    family,
    class: 'cluster',
    address: address(family, FIRST_CLUSTER_IP + index),
    protocol: 'TCP',
    port: 80,
    pool: { key: `${service}:http/TCP/${family}`, endpoints },
    shortCircuit: undefined,
    serving: [],
    sourceRanges: [],
    affinitySeconds: 0,
    masquerade: 'off-cluster',
    whenEmpty: 'reject',
    service,
    portName: 'http',
    creationTimestamp: 0,
  }
}

export function virtualServers(services: number, endpointsEach: number, family: Family = 4): VirtualServer[] {
  return Array.from({ length: services }, (_, index) => {
    const endpoints = Array.from({ length: endpointsEach }, (_, i) => endpoint(index * endpointsEach + i, family))
    return virtualServer(index, endpoints, family)
  })
}

/** As the data plane hands them to its rendered state. */
export function winnersOf(servers: readonly VirtualServer[]): Map<string, VirtualServer> {
  return new Map(servers.map((server) => [destinationKey(server), server]))
}

/** The rendered state of a node that starts with these Services and finds no table in the kernel. */
export async function firstState(servers: readonly VirtualServer[], family: Family = 4): Promise<RenderedState> {
  const state = familyState(family, { clusterCIDRs: POD_CIDRS })
  const nothing = { state: undefined, elements: new Map<string, never>(), generation: 0 }
  await state.load(leftoversOf(state.layout, nothing), winnersOf(servers), { nodeAddresses: [] })
  return state
}
