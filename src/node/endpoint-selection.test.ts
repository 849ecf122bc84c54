import { describe, expect, test } from 'vitest'
import cases from '../../test/conformance/cases/endpoint-selection.json' with { type: 'json' }
import { endpoint, service, servicePort, slice } from '../../test/fixtures/services.ts'
import { ZONE_LABEL } from '../model/node.ts'
import { selectEndpoints } from './select.ts'

interface Case {
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
    allReachableEndpoints: string[]
    hasAnyEndpoints: boolean
  }
}

const NODE = 'node-1'

/** One slice, or each endpoint in a slice of its own: the result must not depend on it. */
function select({ service: of, nodeLabels, endpoints }: Case, slices: 'one' | 'many') {
  const policy = (isLocal: boolean) => (isLocal ? 'Local' : 'Cluster')
  const web = service('web', {
    internalTrafficPolicy: policy(of.internalPolicyLocal),
    externalTrafficPolicy: policy(of.externalPolicyLocal),
    ports: [servicePort({ nodePort: of.nodePort })],
  })
  const all = endpoints.map(({ endpoint: text, isLocal, zoneHints = [], nodeHints = [], ...conditions }) =>
    endpoint(text.replace(/:80$/, ''), {
      ...conditions,
      nodeName: isLocal ? NODE : 'elsewhere',
      hintZones: zoneHints,
      hintNodes: nodeHints,
    }),
  )
  const ofSlices = slices === 'one' ? [slice('s', 'web', { endpoints: all })] : []
  if (slices === 'many') all.forEach((one, i) => ofSlices.push(slice(`s${i}`, 'web', { endpoints: [one] })))
  return selectEndpoints(web, ofSlices, { name: NODE, zone: nodeLabels[ZONE_LABEL] ?? '' })
}

describe.each(['one', 'many'] as const)('in %s slices', (slices) => {
  test.each(cases.cases as readonly Case[])('$id $name', (of) => {
    const { clusterEndpoints, localEndpoints, hasAnyEndpoints } = of.expect
    const selected = select(of, slices)
    const names = (found: typeof selected) => found.map(({ address }) => `${address}:80`).sort()
    const isExternal = of.service.nodePort !== 0
    if (clusterEndpoints !== null) {
      expect(names(selected.filter(({ inCluster }) => inCluster))).toEqual(clusterEndpoints)
    }
    if (localEndpoints !== null) {
      const scope = of.service.internalPolicyLocal ? 'internal' : 'external'
      expect(names(selected.filter(({ scopes }) => scopes[scope]))).toEqual(localEndpoints)
    }
    if (!of.service.internalPolicyLocal) {
      expect(names(selected.filter(({ scopes }) => scopes.internal))).toEqual(clusterEndpoints)
    }
    if (isExternal && !of.service.externalPolicyLocal) {
      expect(names(selected.filter(({ scopes }) => scopes.external))).toEqual(clusterEndpoints)
    }
    expect(selected.length > 0).toBe(hasAnyEndpoints)
  })
})
