import { rawAddress } from '../../../src/kernel/conntrack/flow.ts'
import { familyOf, ipBytes } from '../../../src/model/ip.ts'
import type { Protocol } from '../../../src/model/service.ts'
import { UdpState } from '../../../src/sinks/conntrack/destinations.ts'
import { isStale } from '../../../src/sinks/conntrack/stale.ts'
import { virtualServers } from '../../../src/virtual-server/from-local.ts'
import { ip, udpService } from '../../fixtures/services.ts'
import type { Comparison, Section } from './section.ts'

const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 }

/** What becomes of a connection tracking entry after a sync. */
export interface ConntrackRow {
  /** The Service and the endpoints that the table is about. */
  readonly cluster: ConntrackCluster
  /** The entry; undefined where the row is about a Service without endpoints. */
  readonly entry: {
    readonly protocol: string
    /** null: any address of the node. */
    readonly origDst: string | null
    readonly origDstPort: number
    readonly replySrc: string
    /** null: the port that was asked for. */
    readonly replySrcPort: number | null
  }
  readonly expect: 'DELETE' | 'KEEP'
}

export interface ConntrackCluster {
  readonly service: {
    readonly clusterIP: string
    readonly externalIPs: readonly string[]
    readonly loadBalancerIPs: readonly string[]
    readonly ports: readonly { name: string; port: number; protocol: string; nodePort?: number }[]
  }
  readonly endpoints: readonly { ip: string; port: number; serving: boolean }[]
}

type FileRow = ConntrackRow['entry'] & { readonly expect: 'DELETE' | 'KEEP'; readonly why?: string }

interface Data extends ConntrackCluster {
  readonly rows?: readonly FileRow[]
  readonly serviceWithoutEndpoints?: { readonly recommended?: 'DELETE' | 'KEEP' }
}

/** A row of the table that is asked again when the Service has no endpoints. */
const isUdpDelete = ({ protocol, expect }: FileRow) => protocol === 'UDP' && expect === 'DELETE'

export const conntrackCleanup: Section<ConntrackRow> = {
  promises: [74, 75, 76, 77],
  rows(data) {
    const { rows = [], service, endpoints, serviceWithoutEndpoints } = data as Data
    const table = rows.map(({ expect, why = '', ...entry }, index) => ({
      id: `conntrack-cleanup-${index + 1}`,
      name: `${entry.protocol} ${entry.origDst ?? 'node'}:${entry.origDstPort} from ${entry.replySrc}: ${why}`,
      data: { cluster: { service, endpoints }, entry, expect },
    }))
    const { recommended } = serviceWithoutEndpoints ?? {}
    const entry = rows.find(isUdpDelete)
    if (recommended === undefined || entry === undefined) return table
    const empty = { cluster: { service, endpoints: [] }, entry, expect: recommended }
    return [...table, { id: 'conntrack-cleanup-no-endpoints', name: 'a Service without endpoints', data: empty }]
  },
  adapter: async (rows) =>
    rows.map(({ data }): Comparison => ({ expected: data.expect, seen: isDeleted(data) ? 'DELETE' : 'KEEP' })),
}

/** Stands for any address of the node that serves node ports. */
const NODE = ip('192.0.2.10')

/** What Sluice does with the entry once the cluster's endpoints are served. */
function isDeleted({ cluster, entry }: ConntrackRow): boolean {
  const { protocol, origDst, origDstPort, replySrc, replySrcPort } = entry
  const destination = origDst === null ? NODE : ip(origDst)
  const flow = {
    protocol: PROTOCOL_NUMBERS[protocol] ?? 0,
    destination: rawAddress(ipBytes(destination)),
    destinationPort: origDstPort,
    replySource: rawAddress(ipBytes(ip(replySrc))),
    replySourcePort: replySrcPort ?? origDstPort,
    zone: 0,
  }
  return isStale(flow, stateOf(cluster).families[familyOf(destination)])
}

function stateOf({ service, endpoints }: ConntrackCluster): UdpState {
  const state = new UdpState()
  state.setNodeAddresses([NODE])
  const local = udpService('cases', {
    clusterIPs: [service.clusterIP],
    externalIPs: service.externalIPs,
    loadBalancerIPs: service.loadBalancerIPs,
    ports: service.ports.map((port) => ({ nodePort: 0, ...port, protocol: port.protocol as Protocol })),
    endpoints: endpoints.filter(({ serving }) => serving).map(({ ip: address, port }) => ({ address, port })),
  })
  state.setService(local.key, virtualServers(local))
  return state
}
