import { virtualServer } from '../support/services.ts'
import { sendFromPorts } from '../support/sockets.ts'
import { reachable, TestBed } from './bed.ts'
import type { Ours } from './ours.ts'

const FIRST_PORT = 20_000

/** Sends UDP packets, each a connection of its own, to a Service. @returns how many of them each endpoint got. */
export async function countDraws(layout: Ours, poolSize: number, draws: number): Promise<number[]> {
  const bed = new TestBed()
  const { family } = layout
  const endpoints = Array.from({ length: poolSize }, (_, i) => reachable(i, family))
  const service = { ...virtualServer(0, endpoints, family), protocol: 'UDP' as const }
  bed.node.nft(await layout.tableFor([service]))
  const ip = family === 4 ? 'ip' : 'ip6'
  // Counted where they arrive, and dropped: nobody listens.
  bed.server.nft(`
    add table ${ip} count
    add set ${ip} count seen { typeof ${ip} daddr; flags dynamic; counter; }
    add chain ${ip} count arrive { type filter hook prerouting priority -300; }
    add rule ${ip} count arrive meta l4proto udp update @seen { ${ip} daddr } drop`)
  bed.warmUp(family)
  sendFromPorts(bed.client, { address: service.address ?? '', port: service.port }, { first: FIRST_PORT, count: draws })
  const { stdout } = bed.server.nftResult(['-j', 'list', 'set', ip, 'count', 'seen'])
  bed.close()
  const counts = counted(stdout)
  return endpoints.map(({ address }) => counts.get(address) ?? 0)
}

interface Listing {
  nftables: { set?: { elem?: { elem: { val: string; counter: { packets: number } } }[] } }[]
}

function counted(json: string): Map<string, number> {
  const sets = (JSON.parse(json) as Listing).nftables.flatMap(({ set }) => set?.elem ?? [])
  return new Map(sets.map(({ elem }) => [elem.val, elem.counter.packets]))
}
