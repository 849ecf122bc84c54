import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ClientName, type PodName, type Target, ThreeNodeCluster } from './cluster.ts'
import { type Backend, CLUSTER_IP, UNREADY, webWith } from './services.ts'

// After test/e2e/network/traffic_distribution.go and topology_hints.go of Kubernetes. A proxy follows the hints that the
// EndpointSlice controller writes (promises 35 and 39): here the tests write what the controller would.

const WEB: Target = { address: CLUSTER_IP[4], port: 80 }
const ZONES = { 'node-1': 'zone-a', 'node-2': 'zone-b', 'node-3': 'zone-c' }
/** Nodes 1 and 2 share a zone. */
const SHARED_ZONES = { 'node-1': 'zone-a', 'node-2': 'zone-a', 'node-3': 'zone-c' }

let cluster: ThreeNodeCluster

beforeAll(async () => {
  cluster = await ThreeNodeCluster.create()
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

function inZone(pod: PodName, ...zones: readonly string[]): Exclude<Backend, string> {
  return { pod, hints: { forZones: zones.map((name) => ({ name })) } }
}

function onNode(pod: PodName, node: string, zone: string): Exclude<Backend, string> {
  return { pod, hints: { forZones: [{ name: zone }], forNodes: [{ name: node }] } }
}

async function serve(trafficDistribution: string | undefined, ...backends: Backend[]): Promise<void> {
  // First without: a proxy does not look at the field, and serves nothing new when nothing else changes.
  await cluster.apply()
  await cluster.apply(webWith(cluster, backends, { spec: { trafficDistribution } }))
}

async function expectAnswers(expected: Partial<Record<ClientName, readonly string[]>>): Promise<void> {
  const checks = Object.entries(expected).map(async ([from, answers]) => {
    expect(await cluster.answers(from as ClientName, WEB, Math.max(answers.length, 2)), from).toEqual(answers)
  })
  await Promise.all(checks)
}

describe('Traffic Distribution', () => {
  test.each(['PreferClose', 'PreferSameZone'])(
    'should route traffic to an endpoint in the same zone when using %s',
    async (distribution) => {
      await cluster.applyZones(ZONES)
      await serve(distribution, inZone('a1', 'zone-a'), inZone('b1', 'zone-b'))
      // Zone c has none: its clients fall back to all.
      await expectAnswers({ a2: ['a1'], b2: ['b1'], c2: ['a1', 'b1'], 'node-1': ['a1'], 'node-3': ['a1', 'b1'] })
    },
  )

  test.each(['PreferClose', 'PreferSameZone'])(
    'should route traffic correctly between pods on multiple nodes when using %s',
    async (distribution) => {
      await cluster.applyZones(SHARED_ZONES)
      // An endpoint on each node of the zone: both clients reach both.
      await serve(distribution, inZone('a1', 'zone-a'), inZone('b1', 'zone-a'))
      await expectAnswers({ a2: ['a1', 'b1'], b2: ['a1', 'b1'], c2: ['a1', 'b1'] })
      // A client on one node and the zone's only endpoint on the other.
      await serve(distribution, inZone('b1', 'zone-a'), inZone('c1', 'zone-c'))
      await expectAnswers({ a2: ['b1'], b2: ['b1'], c2: ['c1'] })
    },
  )

  test('should route traffic to an endpoint on the same node or fall back to same zone when using PreferSameNode', async () => {
    await cluster.applyZones(SHARED_ZONES)
    const backends = [onNode('a1', 'node-1', 'zone-a'), onNode('c1', 'node-3', 'zone-c')]
    await serve('PreferSameNode', ...backends)
    await expectAnswers({ a2: ['a1'], b2: ['a1'], c2: ['c1'], 'node-2': ['a1'] })
  })

  test('should route traffic to an endpoint on the same node when using PreferSameNode and fall back when the endpoint becomes unavailable', async () => {
    await cluster.applyZones(ZONES)
    const here = onNode('a1', 'node-1', 'zone-a')
    const others = [onNode('b1', 'node-2', 'zone-b'), onNode('c1', 'node-3', 'zone-c')]
    await serve('PreferSameNode', here, ...others)
    await expectAnswers({ a2: ['a1'], b2: ['b1'], c2: ['c1'] })
    await serve('PreferSameNode', { ...here, ...UNREADY }, ...others)
    await expectAnswers({ a2: ['b1', 'c1'], b2: ['b1'], c2: ['c1'] })
    await serve('PreferSameNode', here, ...others)
    await expectAnswers({ a2: ['a1'] })
  })

  test('should follow a node that gets another zone, and serve all without zones', async () => {
    await cluster.applyZones(ZONES)
    await serve('PreferSameZone', inZone('a1', 'zone-a'), inZone('b1', 'zone-b'))
    await expectAnswers({ a2: ['a1'] })
    await cluster.applyZones({ ...ZONES, 'node-1': 'zone-b' })
    await expectAnswers({ a2: ['b1'], b2: ['b1'] })
    await cluster.applyZones({ ...ZONES, 'node-1': '' })
    await expectAnswers({ a2: ['a1', 'b1'], b2: ['b1'] })
  })
})

describe('Topology Hints', () => {
  test('should distribute endpoints evenly', async () => {
    await cluster.applyZones(ZONES)
    const backends = [inZone('a1', 'zone-a'), inZone('b1', 'zone-b'), inZone('c1', 'zone-c'), inZone('c2', 'zone-a')]
    await serve(undefined, ...backends)
    await expectAnswers({ a2: ['a1', 'c2'], b2: ['b1'], c1: ['c1'] })
    // One without a hint: there are no hints then.
    await serve(undefined, ...backends.slice(0, 3), 'c2')
    await expectAnswers({ a2: ['a1', 'b1', 'c1', 'c2'], b2: ['a1', 'b1', 'c1', 'c2'] })
  })
})
