import type { Section } from './section.ts'

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
}
