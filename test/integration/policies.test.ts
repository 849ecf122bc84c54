import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Namespace } from '../lab/index.ts'
import { answerOf, CLUSTER, nodeOf, POD_NAMES, type PodName, TestCluster } from '../sluice/cluster.ts'
import type { Instance } from '../sluice/instance.ts'
import { type EndpointManifest, endpointSlice, type Manifest, service } from '../sluice/manifests.ts'

const CLUSTER_IP = '10.96.0.30'
const EXTERNAL_IP = '198.51.100.30'
const NODE_PORT = 30130

let cluster: TestCluster
let sluice: Instance

beforeAll(async () => {
  cluster = await TestCluster.create()
  for (const name of POD_NAMES) await cluster.pods[name].serve({ protocol: 'http', port: 8080, name })
  for (const address of [CLUSTER_IP, EXTERNAL_IP]) await cluster.outside.route(`${address}/32`, CLUSTER.node1[0])
  sluice = await cluster.sluice()
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

interface Policies {
  readonly internal?: 'Local'
  readonly external?: 'Local'
}

/** The Service with these pods, each with what is special about it. */
async function serve(policies: Policies, pods: Partial<Record<PodName, Manifest>>): Promise<void> {
  const endpoints = Object.entries(pods).map(
    ([name, special]): EndpointManifest => ({
      addresses: [cluster.pods[name as PodName].address],
      nodeName: nodeOf(name as PodName),
      conditions: { ready: true },
      ...special,
    }),
  )
  await cluster.apply(sluice, 'policies.yaml', [
    service('web', {
      type: 'NodePort',
      clusterIPs: [CLUSTER_IP],
      externalIPs: [EXTERNAL_IP],
      ports: [{ name: 'http', port: 80, nodePort: NODE_PORT }],
      spec: { internalTrafficPolicy: policies.internal, externalTrafficPolicy: policies.external },
    }),
    endpointSlice('web', { ports: [{ name: 'http', port: 8080 }], endpoints }),
  ])
}

/** Who answered, or how it ended; 24 draws among 2 miss one with a chance of 1 in 8 million. */
async function answers(from: Namespace, address: string, port: number): Promise<string[]> {
  const results = await from.requests({ protocol: 'http', address, port, count: 24, concurrency: 8, timeoutMs: 400 })
  return [...new Set(results.map(answerOf))].sort()
}

async function clientSeen(from: Namespace, address: string, port: number): Promise<string> {
  const result = await from.request({ protocol: 'http', address, port })
  return result.verdict === 'answered' ? result.client : result.verdict
}

const TERMINATING = { conditions: { ready: false, serving: true, terminating: true } }
const UNREADY = { conditions: { ready: false, serving: false } }

describe('internalTrafficPolicy Local (promises 40, 48, 50)', () => {
  test('the cluster IP goes to endpoints of this node only, other destinations to all', async () => {
    await serve({ internal: 'Local' }, { a1: {}, a2: {}, b1: {} })
    expect(await answers(cluster.pods.a1, CLUSTER_IP, 80)).toEqual(['a1', 'a2'])
    expect(await answers(cluster.node1, CLUSTER_IP, 80)).toEqual(['a1', 'a2'])
    expect(await answers(cluster.outside, EXTERNAL_IP, 80)).toEqual(['a1', 'a2', 'b1'])
  })

  test('with none on this node the connection is dropped; with none at all it is refused', async () => {
    await serve({ internal: 'Local' }, { b1: {} })
    expect(await answers(cluster.pods.a1, CLUSTER_IP, 80)).toEqual(['timeout'])
    await serve({ internal: 'Local' }, {})
    expect(await answers(cluster.pods.a1, CLUSTER_IP, 80)).toEqual(['refused'])
  })

  test('an endpoint of this node that terminates still serves when no other one of this node does', async () => {
    await serve({ internal: 'Local' }, { a1: TERMINATING, b1: {} })
    expect(await answers(cluster.pods.a2, CLUSTER_IP, 80)).toEqual(['a1'])
  })
})

describe('externalTrafficPolicy Local (promises 41, 42, 48, 49, 50, 64)', () => {
  const destinations = [
    [EXTERNAL_IP, 80],
    [CLUSTER.node1[0], NODE_PORT],
  ] as const

  describe.each(destinations)('%s port %i', (address, port) => {
    beforeEach(async () => {
      await serve({ external: 'Local' }, { a1: {}, a2: {}, b1: {} })
    })

    test('clients outside reach endpoints of this node only, and their address is kept', async () => {
      expect(await answers(cluster.outside, address, port)).toEqual(['a1', 'a2'])
      expect(await clientSeen(cluster.outside, address, port)).toBe(CLUSTER.outside[0])
    })

    test('pods and the node reach all endpoints', async () => {
      expect(await answers(cluster.pods.a1, address, port)).toEqual(['a1', 'a2', 'b1'])
      expect(await answers(cluster.node1, address, port)).toEqual(['a1', 'a2', 'b1'])
    })

    test('with none on this node clients outside are dropped; pods and the node are not', async () => {
      await serve({ external: 'Local' }, { b1: {}, b2: {} })
      expect(await answers(cluster.outside, address, port)).toEqual(['timeout'])
      expect(await answers(cluster.pods.a1, address, port)).toEqual(['b1', 'b2'])
      expect(await answers(cluster.node1, address, port)).toEqual(['b1', 'b2'])
    })

    test('with none at all everybody is refused', async () => {
      await serve({ external: 'Local' }, {})
      for (const from of [cluster.outside, cluster.pods.a1, cluster.node1]) {
        expect(await answers(from, address, port)).toEqual(['refused'])
      }
    })

    test('an endpoint of this node that terminates still serves when no other one of this node does', async () => {
      await serve({ external: 'Local' }, { a1: TERMINATING, b1: {} })
      expect(await answers(cluster.outside, address, port)).toEqual(['a1'])
    })
  })

  test('the cluster IP is not bound by it', async () => {
    await serve({ external: 'Local' }, { a1: {}, b1: {} })
    expect(await answers(cluster.pods.a1, CLUSTER_IP, 80)).toEqual(['a1', 'b1'])
  })

  test('both policies Local, none on this node: only pods and the node still get there from outside addresses', async () => {
    await serve({ internal: 'Local', external: 'Local' }, { b1: {} })
    expect(await answers(cluster.pods.a1, CLUSTER_IP, 80)).toEqual(['timeout'])
    expect(await answers(cluster.pods.a1, EXTERNAL_IP, 80)).toEqual(['b1'])
    expect(await answers(cluster.outside, EXTERNAL_IP, 80)).toEqual(['timeout'])
  })

  test('the policy may change while it is served, and a restart finds nothing to do', async () => {
    await serve({ external: 'Local' }, { a1: {}, b1: {} })
    await serve({}, { a1: {}, b1: {} })
    expect(await answers(cluster.outside, EXTERNAL_IP, 80)).toEqual(['a1', 'b1'])
    await serve({ external: 'Local' }, { a1: {}, b1: {} })
    expect(await answers(cluster.outside, EXTERNAL_IP, 80)).toEqual(['a1'])
    await sluice.stop()
    sluice = await cluster.sluice({ runDirectory: sluice.runDirectory })
    expect((await sluice.status()).counts.transactions).toBe(0)
    expect(await answers(cluster.pods.a1, EXTERNAL_IP, 80)).toEqual(['a1', 'b1'])
  })
})

describe('load-balancer source ranges (promises 56, 57, 59)', () => {
  const BALANCER = { 4: '198.51.100.31', 6: '2001:db8:51::31' }

  /** A load balancer for these sources, with a pod on each node. */
  async function restrict(ranges: readonly string[], spec: Manifest = {}, ready = true): Promise<void> {
    const endpoints = (index: 0 | 1) =>
      ready ? [cluster.pods.a1.addresses[index] ?? '', cluster.pods.b1.addresses[index] ?? ''] : []
    const ports = [{ name: 'http', port: 8080 }]
    await cluster.apply(sluice, 'balancer.yaml', [
      service('balanced', {
        type: 'LoadBalancer',
        clusterIPs: ['10.96.0.31', 'fd00:10:96::31'],
        externalIPs: ['198.51.100.32'],
        ports: [{ name: 'http', port: 80, nodePort: 30131 }],
        ingress: [{ ip: BALANCER[4] }, { ip: BALANCER[6] }],
        spec: { loadBalancerSourceRanges: ranges, ...spec },
      }),
      ...([0, 1] as const).map((index) =>
        endpointSlice('balanced', {
          name: `balanced-${index}`,
          ports,
          endpoints: endpoints(index).map((address, i) => ({ addresses: [address], nodeName: `node-${i + 1}` })),
        }),
      ),
    ])
  }

  beforeAll(async () => {
    for (const address of [BALANCER[4], '198.51.100.32', '10.96.0.31']) {
      await cluster.outside.route(`${address}/32`, CLUSTER.node1[0])
    }
    await cluster.outside.route(`${BALANCER[6]}/128`, CLUSTER.node1[1])
  })

  test('a source within reaches the load-balancer address, another one is dropped', async () => {
    await restrict([`${CLUSTER.outside[0]}/32`, '203.0.113.0/24'])
    expect(await answers(cluster.outside, BALANCER[4], 80)).toEqual(['a1', 'b1'])
    expect(await answers(cluster.pods.a1, BALANCER[4], 80)).toEqual(['timeout'])
    await restrict(['203.0.113.0/24', '10.244.0.0/16'])
    expect(await answers(cluster.outside, BALANCER[4], 80)).toEqual(['timeout'])
    expect(await answers(cluster.pods.a1, BALANCER[4], 80)).toEqual(['a1', 'b1'])
  })

  test('each family has its own ranges; one without any is open', async () => {
    await restrict(['203.0.113.0/24'])
    expect(await answers(cluster.outside, BALANCER[6], 80)).toEqual(['a1', 'b1'])
    await restrict(['203.0.113.0/24', 'fd00:192:168:50::200/128'])
    expect(await answers(cluster.outside, BALANCER[6], 80)).toEqual(['a1', 'b1'])
    await restrict(['203.0.113.0/24', 'fd00:bad::/64'])
    expect(await answers(cluster.outside, BALANCER[6], 80)).toEqual(['timeout'])
  })

  test('cluster IP, external IP and node port are not restricted', async () => {
    await restrict(['203.0.113.0/24'])
    expect(await answers(cluster.outside, '198.51.100.32', 80)).toEqual(['a1', 'b1'])
    expect(await answers(cluster.outside, CLUSTER.node1[0], 30131)).toEqual(['a1', 'b1'])
    expect(await answers(cluster.outside, '10.96.0.31', 80)).toEqual(['a1', 'b1'])
  })

  test('a blocked source is dropped also when there is no endpoint; an allowed one is refused', async () => {
    await restrict([`${CLUSTER.outside[0]}/32`], {}, false)
    expect(await answers(cluster.outside, BALANCER[4], 80)).toEqual(['refused'])
    expect(await answers(cluster.pods.a1, BALANCER[4], 80)).toEqual(['timeout'])
  })

  test('with externalTrafficPolicy Local the allowed source is kept and gets endpoints of this node', async () => {
    await restrict(['192.168.50.0/24', '10.244.1.0/24'], { externalTrafficPolicy: 'Local' })
    expect(await answers(cluster.outside, BALANCER[4], 80)).toEqual(['a1'])
    expect(await clientSeen(cluster.outside, BALANCER[4], 80)).toBe(CLUSTER.outside[0])
    expect(await answers(cluster.pods.a2, BALANCER[4], 80)).toEqual(['a1', 'b1'])
  })

  test('ranges that overlap are served, and a restart finds nothing to do', async () => {
    await restrict(['192.168.0.0/16', '192.168.50.0/24', '0.0.0.0/1'])
    expect(await answers(cluster.outside, BALANCER[4], 80)).toEqual(['a1', 'b1'])
    await sluice.stop()
    sluice = await cluster.sluice({ runDirectory: sluice.runDirectory })
    expect((await sluice.status()).counts.transactions).toBe(0)
    await restrict([])
    expect(await answers(cluster.pods.a1, BALANCER[4], 80)).toEqual(['a1', 'b1'])
  })
})

describe('endpoint choice (promises 33 to 38)', () => {
  test('terminating endpoints serve when no ready one is left; unready ones never do', async () => {
    await serve({}, { a1: {}, a2: TERMINATING, b1: UNREADY })
    expect(await answers(cluster.pods.a1, CLUSTER_IP, 80)).toEqual(['a1'])
    await serve({}, { a1: UNREADY, a2: TERMINATING, b1: TERMINATING })
    expect(await answers(cluster.pods.a1, CLUSTER_IP, 80)).toEqual(['a2', 'b1'])
  })

  test('hints for the node, and then for its zone, narrow the choice; the zone may change', async () => {
    const zone = (name: string, node?: string) => ({
      hints: { forZones: [{ name }], ...(node === undefined ? undefined : { forNodes: [{ name: node }] }) },
    })
    const setZone = async (name: string) => {
      await cluster.apply(sluice, 'zone.yaml', [
        {
          apiVersion: 'v1',
          kind: 'Node',
          metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': name } },
          status: { addresses: [{ type: 'InternalIP', address: CLUSTER.node1[0] }] },
        },
      ])
    }
    await setZone('zone-a')
    await serve({}, { a1: zone('zone-a'), a2: zone('zone-b'), b1: zone('zone-a') })
    expect(await answers(cluster.pods.a1, CLUSTER_IP, 80)).toEqual(['a1', 'b1'])
    await setZone('zone-b')
    expect(await answers(cluster.pods.a1, CLUSTER_IP, 80)).toEqual(['a2'])
    await setZone('zone-c')
    expect(await answers(cluster.pods.a1, CLUSTER_IP, 80)).toEqual(['a1', 'a2', 'b1'])
    await serve({}, { a1: zone('zone-a', 'node-1'), a2: zone('zone-b', 'node-2'), b1: zone('zone-c', 'node-2') })
    expect(await answers(cluster.pods.a1, CLUSTER_IP, 80)).toEqual(['a1'])
  })
})
