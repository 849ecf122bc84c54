import { ZONE_LABEL } from '../../../src/model/node.ts'
import { selectEndpoints } from '../../../src/node/select.ts'
import { endpoint, service, servicePort, slice } from '../../fixtures/services.ts'
import { type Section, stable } from './section.ts'

/** A row of `endpointSelection`. A set is null when the Service does not use it. */
export interface SelectionRow {
  readonly id: string
  readonly name: string
  readonly service: { internalPolicyLocal: boolean; externalPolicyLocal: boolean; nodePort: number }
  readonly nodeLabels: Readonly<Record<string, string>>
  readonly endpoints: readonly {
    endpoint: string
    ready: boolean
    serving: boolean
    terminating: boolean
    isLocal: boolean
    zoneHints?: string[]
    nodeHints?: string[]
  }[]
  readonly expect: {
    clusterEndpoints: string[] | null
    localEndpoints: string[] | null
    allReachableEndpoints: string[] | null
    hasAnyEndpoints: boolean
  }
}

const NODE = 'node-1'

export const endpointSelection: Section<SelectionRow> = {
  promises: [33, 35, 36, 37, 38, 40, 44, 45, 50],
  rows: (data) => (data as SelectionRow[]).map((row) => ({ id: row.id, name: row.name, data: row })),
  adapter: async (rows) =>
    rows.map(({ data }) => ({
      expected: stable(sorted(data.expect)),
      seen: (['one', 'many'] as const)
        .map((slices) => stable(sorted(selection(data, slices))))
        .reduce((one, many) => (one === many ? one : `${one} in one slice, ${many} in many`)),
    })),
}

/** What Sluice selects, in the words of the row; with all endpoints in one slice, or each in a slice of its own. */
export function selection({ service: of, nodeLabels, endpoints, expect }: SelectionRow, slices: 'one' | 'many') {
  const policy = (isLocal: boolean) => (isLocal ? 'Local' : 'Cluster')
  const web = service('web', {
    internalTrafficPolicy: policy(of.internalPolicyLocal),
    externalTrafficPolicy: policy(of.externalPolicyLocal),
    ports: [servicePort({ nodePort: of.nodePort })],
  })
  const all = endpoints.map(({ endpoint: text, isLocal, zoneHints = [], nodeHints = [], ...conditions }) =>
    endpoint(text.slice(0, text.lastIndexOf(':')), {
      ...conditions,
      nodeName: isLocal ? NODE : 'elsewhere',
      hintZones: zoneHints,
      hintNodes: nodeHints,
    }),
  )
  const port = { name: 'http', protocol: 'TCP', port: portOf(endpoints[0]?.endpoint) } as const
  const groups = slices === 'one' ? [all] : all.map((one) => [one])
  const ofSlices = groups.map((group, index) => slice(`s${index}`, 'web', { endpoints: group, ports: [port] }))
  const selected = selectEndpoints(web, ofSlices, { name: NODE, zone: nodeLabels[ZONE_LABEL] ?? '' })
  const names = (which: (one: (typeof selected)[number]) => boolean) =>
    selected.filter(which).map(({ address, ports }) => `${address}:${ports[0]?.port}`)
  const isExternal = of.nodePort !== 0
  const scope = of.internalPolicyLocal ? 'internal' : 'external'
  return {
    clusterEndpoints: expect.clusterEndpoints && names(({ inCluster }) => inCluster),
    localEndpoints: expect.localEndpoints && names(({ scopes }) => scopes[scope]),
    // Clients on the node reach all endpoints through an external address with policy Local (promise 42).
    allReachableEndpoints: names(
      ({ scopes, inCluster }) =>
        scopes.internal || (isExternal && (scopes.external || (of.externalPolicyLocal && inCluster))),
    ),
    hasAnyEndpoints: selected.length > 0,
  }
}

function portOf(text = ':80'): number {
  return Number(text.slice(text.lastIndexOf(':') + 1))
}

/** The order of a set says nothing, and an empty one may be null. */
function sorted({ clusterEndpoints, localEndpoints, allReachableEndpoints, hasAnyEndpoints }: SelectionRow['expect']) {
  return {
    clusterEndpoints: clusterEndpoints?.toSorted() ?? null,
    localEndpoints: localEndpoints?.toSorted() ?? null,
    allReachableEndpoints: allReachableEndpoints?.toSorted() ?? [],
    hasAnyEndpoints,
  }
}
