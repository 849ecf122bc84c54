import { cidrContains, FAMILIES } from '../../src/model/ip.ts'
import { Destinations } from '../../src/virtual-server/destinations.ts'
import type { VirtualServer } from '../../src/virtual-server/virtual-server.ts'
import { ip } from '../fixtures/services.ts'
import { CLIENTS, POOLS } from './arbitrary-cluster.ts'
import type { Cluster } from './cluster.ts'
import type { ClientKind, Outcome, Packet } from './oracle.ts'

/** A packet from every client to every destination that arbitrary Services may have, and to some that nobody has. */
export function* allPackets(): Generator<Packet> {
  for (const family of FAMILIES) {
    for (const [name, addresses] of Object.entries(CLIENTS)) {
      const kind = name.split(',')[0] as ClientKind
      const client = { kind, address: addresses[family] }
      for (const protocol of POOLS.protocols) {
        for (const address of new Set([...POOLS.clusterIPs[family], ...POOLS.external[family]])) {
          for (const port of [...POOLS.ports, 81]) yield { client, family, address, protocol, port }
        }
        for (const port of [...POOLS.nodePorts, 81]) yield { client, family, address: undefined, protocol, port }
      }
    }
  }
}

/** What virtual servers say about packets. */
export class ServerReader {
  readonly #winners = new Map<string, VirtualServer>()

  constructor(cluster: Cluster) {
    const winners = new Destinations().update({ services: cluster.servers })
    for (const family of FAMILIES) {
      for (const [key, server] of winners[family]) if (server !== undefined) this.#winners.set(key, server)
    }
  }

  outcome(packet: Packet): Outcome {
    const { client, family, address, protocol, port } = packet
    const server = this.#winners.get(`${address ?? `node-port/${family}`} ${protocol} ${port}`)
    if (server === undefined) return this.#isActive(address) ? 'reject' : 'untouched'
    const { sourceRanges, shortCircuit, pool, whenEmpty } = server
    if (sourceRanges.length > 0 && !sourceRanges.some((range) => cidrContains(range, ip(client.address)))) return 'drop'
    const used = shortCircuit !== undefined && client.kind !== 'outside' ? shortCircuit : pool
    if (used.endpoints.length > 0)
      return used.endpoints.map((endpoint) => `${endpoint.address} ${endpoint.port}`).sort()
    return used === pool ? whenEmpty : 'reject'
  }

  #isActive(address: string | undefined): boolean {
    return [...this.#winners.values()].some((server) => server.class === 'cluster' && server.address === address)
  }
}
