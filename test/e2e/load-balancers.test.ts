import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../lab/index.ts'
import { CLUSTER } from '../sluice/cluster.ts'
import type { Manifest } from '../sluice/manifests.ts'
import { NODE_ADDRESSES, NODE_NAMES, type NodeName, type Target, ThreeNodeCluster } from './cluster.ts'
import { get } from './get.ts'
import { type Backend, CLUSTER_IP, HTTP, NODE_PORT, OTHER_NODE_PORT, TERMINATING, UDP, webWith } from './services.ts'

// After test/e2e/network/loadbalancer.go of Kubernetes. The load balancer is a route: it has three addresses, and the
// client outside sends what it has for each of them to another node.

const BALANCER_IPS: Readonly<Record<NodeName, string>> = {
  'node-1': '198.51.100.61',
  'node-2': '198.51.100.62',
  'node-3': '198.51.100.63',
}
const INGRESS = Object.values(BALANCER_IPS).map((ip) => ({ ip }))
const HEALTH_PORT = 30200

let cluster: ThreeNodeCluster

beforeAll(async () => {
  cluster = await ThreeNodeCluster.create()
  for (const node of NODE_NAMES) await cluster.routeTo(BALANCER_IPS[node], node)
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

function nodePort(node: NodeName, port: number, protocol: Target['protocol'] = 'http'): Target {
  return { address: NODE_ADDRESSES[node][0], port, protocol }
}

/** The load balancer's address that leads to a node. */
function balancer(node: NodeName, port = 80, protocol: Target['protocol'] = 'http'): Target {
  return { address: BALANCER_IPS[node], port, protocol }
}

/** What the client outside gets from each node for the load balancer's address. */
async function answersThrough(
  port = 80,
  protocol: Target['protocol'] = 'http',
  endpoints = 1,
): Promise<Record<string, string[]>> {
  const answers = NODE_NAMES.map(async (node) => {
    return [node, await cluster.answers('outside', balancer(node, port, protocol), endpoints)]
  })
  return Object.fromEntries(await Promise.all(answers)) as Record<string, string[]>
}

describe('LoadBalancers', () => {
  test.each([
    ['TCP', 'http', HTTP],
    ['UDP', 'udp', UDP],
  ] as const)('should be able to change the type and ports of a %s service [Slow]', async (_, protocol, port) => {
    const address = CLUSTER_IP[4]
    const backends: readonly Backend[] = ['a1', 'b1', 'c1']
    const onBalancer = { type: 'LoadBalancer', ingress: INGRESS }
    const everywhere = { 'node-1': backends, 'node-2': backends, 'node-3': backends }
    const refused = { 'node-1': ['refused'], 'node-2': ['refused'], 'node-3': ['refused'] }

    await cluster.apply(webWith(cluster, backends, { ports: [port] }))
    expect(await cluster.answers('a2', { address, port: 80, protocol }, 3)).toEqual(backends)

    await cluster.apply(webWith(cluster, backends, { type: 'NodePort', ports: [{ ...port, nodePort: NODE_PORT }] }))
    for (const node of NODE_NAMES) {
      expect(await cluster.answers('outside', nodePort(node, NODE_PORT, protocol), 3)).toEqual(backends)
    }

    // Another node port; the old one is closed.
    const moved = { ...port, nodePort: OTHER_NODE_PORT }
    await cluster.apply(webWith(cluster, backends, { ...onBalancer, ports: [moved] }))
    expect(await cluster.answers('outside', nodePort('node-2', OTHER_NODE_PORT, protocol), 3)).toEqual(backends)
    expect(await cluster.answers('outside', nodePort('node-2', NODE_PORT, protocol))).toEqual(['refused'])
    expect(await answersThrough(80, protocol, 3)).toEqual(everywhere)

    // Another port of the Service: the old one is refused on the load balancer's address, too.
    await cluster.apply(webWith(cluster, backends, { ...onBalancer, ports: [{ ...moved, port: 81 }] }))
    expect(await cluster.answers('outside', nodePort('node-2', OTHER_NODE_PORT, protocol), 3)).toEqual(backends)
    expect(await answersThrough(81, protocol, 3)).toEqual(everywhere)

    // Scaled to nothing and back.
    await cluster.apply(webWith(cluster, [], { ...onBalancer, ports: [{ ...moved, port: 81 }] }))
    expect(await answersThrough(81, protocol)).toEqual(refused)
    expect(await cluster.answers('outside', nodePort('node-2', OTHER_NODE_PORT, protocol))).toEqual(['refused'])
    await cluster.apply(webWith(cluster, backends, { ...onBalancer, ports: [{ ...moved, port: 81 }] }))
    expect(await answersThrough(81, protocol, 3)).toEqual(everywhere)

    await cluster.apply(webWith(cluster, backends, { ports: [{ ...port, port: 81 }] }))
    expect(await cluster.answers('a2', { address, port: 81, protocol }, 3)).toEqual(backends)
    expect(await cluster.answers('outside', nodePort('node-2', OTHER_NODE_PORT, protocol))).toEqual(['refused'])
    expect(await cluster.servers('outside', balancer('node-2', 81, protocol))).toEqual([])
  })

  test('should only allow access from service loadbalancer source ranges [Slow]', async () => {
    const serve = async (...loadBalancerSourceRanges: string[]): Promise<void> => {
      const options = {
        type: 'LoadBalancer',
        ports: [{ ...HTTP, nodePort: NODE_PORT }],
        ingress: INGRESS,
      }
      await cluster.apply(webWith(cluster, ['b1'], { ...options, spec: { loadBalancerSourceRanges } }))
    }
    const answers = async (): Promise<string[]> => {
      const clients = ['a1', 'a2', 'outside'] as const
      return (await Promise.all(clients.map((from) => cluster.answers(from, balancer('node-2'))))).flat()
    }
    await serve(`${cluster.addressOf('a1')}/32`)
    expect(await answers()).toEqual(['b1', 'timeout', 'timeout'])
    // Only the load balancer's address is closed (promise 56).
    expect(await cluster.answers('outside', nodePort('node-2', NODE_PORT))).toEqual(['b1'])
    expect(await cluster.answers('a2', { address: CLUSTER_IP[4], port: 80 })).toEqual(['b1'])
    await serve(`${cluster.addressOf('a2')}/32`, `${CLUSTER.outside[0]}/32`)
    expect(await answers()).toEqual(['timeout', 'b1', 'b1'])
    await serve()
    expect(await answers()).toEqual(['b1', 'b1', 'b1'])
  })

  test.each(['Cluster', 'Local'])(
    'should not have connectivity disruption during rolling update with externalTrafficPolicy=%s [Slow]',
    async (externalTrafficPolicy) => {
      const options = { type: 'LoadBalancer', ingress: INGRESS, spec: { externalTrafficPolicy } }
      const steps: readonly (readonly Backend[])[] = [
        ['a1', 'b1'],
        ['a1', 'b1', 'a2'],
        [{ pod: 'a1', ...TERMINATING }, 'b1', 'a2'],
        ['b1', 'a2', 'b2'],
        [{ pod: 'b1', ...TERMINATING }, 'a2', 'b2'],
        ['a2', 'b2'],
      ]
      await cluster.apply(webWith(cluster, steps[0] ?? [], options))
      const load = await cluster.namespace('outside').load({ ...balancer('node-1'), protocol: 'http', perSecond: 100 })
      for (const backends of steps) {
        await cluster.apply(webWith(cluster, backends, options))
        const { sent } = await load.report()
        await until(async () => (await load.report()).sent > sent + 20)
      }
      expect((await load.stop()).failures).toEqual([])
    },
  )
})

describe('LoadBalancers ExternalTrafficPolicy: Local', () => {
  /** A load-balancer Service with policy Local, unless told otherwise. */
  function local(backends: readonly Backend[], spec: Manifest = {}): Manifest[] {
    return webWith(cluster, backends, {
      type: 'LoadBalancer',
      ports: [{ ...HTTP, nodePort: NODE_PORT }],
      ingress: INGRESS,
      spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: HEALTH_PORT, ...spec },
    })
  }

  async function health(node: NodeName): Promise<number> {
    return (await get(cluster.namespace('outside'), `http://${NODE_ADDRESSES[node][0]}:${HEALTH_PORT}/healthz`)).status
  }

  /** That the health-check node ports get to answer so: 200 where there are endpoints, 503 where not, 0 where no port is. */
  async function expectHealth(...statuses: readonly number[]): Promise<void> {
    await expect.poll(async () => Promise.all(NODE_NAMES.map(health)), { timeout: 5000 }).toEqual(statuses)
  }

  test('should work for type=LoadBalancer [Slow]', async () => {
    await cluster.apply(local(['a1']))
    expect(await cluster.answers('outside', balancer('node-1'))).toEqual(['a1'])
    expect(await cluster.clientSeen('outside', balancer('node-1'))).toBe(CLUSTER.outside[0])
  })

  test('should only target nodes with endpoints [Slow]', async () => {
    for (const [pod, answers] of [
      ['a1', { 'node-1': ['a1'], 'node-2': ['timeout'], 'node-3': ['timeout'] }],
      ['b1', { 'node-1': ['timeout'], 'node-2': ['b1'], 'node-3': ['timeout'] }],
    ] as const) {
      await cluster.apply(local([pod]))
      expect(await answersThrough()).toEqual(answers)
    }
  })

  test('should only target nodes with endpoints [Slow]: a load balancer finds them by the health-check node port', async () => {
    await cluster.apply(local(['a1']))
    await expectHealth(200, 503, 503)
    await cluster.apply(local(['b1', 'c1', 'c2']))
    await expectHealth(503, 200, 200)
    const { body, headers } = await get(
      cluster.namespace('outside'),
      `http://${NODE_ADDRESSES['node-3'][0]}:${HEALTH_PORT}/`,
    )
    expect(headers['x-load-balancing-endpoint-weight']).toBe('2')
    expect(JSON.parse(body)).toMatchObject({ service: { namespace: 'default', name: 'web' }, localEndpoints: 2 })
  })

  test('should target all nodes with endpoints [Slow]', async () => {
    await cluster.apply(local(['a1', 'b1', 'c1']))
    expect(await answersThrough()).toEqual({ 'node-1': ['a1'], 'node-2': ['b1'], 'node-3': ['c1'] })
  })

  test('should work from pods [Slow]', async () => {
    await cluster.apply(local(['a1']))
    for (const from of ['a2', 'b1', 'c1', 'node-2'] as const) {
      expect(await cluster.answers(from, balancer('node-1')), from).toEqual(['a1'])
    }
    // Its own node takes a pod's packet as its first one, and leaves its address alone.
    expect(await cluster.clientSeen('b1', balancer('node-1'))).toBe(cluster.addressOf('b1'))
  })

  test('should handle updates to ExternalTrafficPolicy field [Slow]', async () => {
    await cluster.apply(local(['a1']))
    expect(await answersThrough()).toMatchObject({ 'node-1': ['a1'], 'node-2': ['timeout'] })
    await cluster.apply(local(['a1'], { externalTrafficPolicy: 'Cluster', healthCheckNodePort: 0 }))
    expect(await answersThrough()).toEqual({ 'node-1': ['a1'], 'node-2': ['a1'], 'node-3': ['a1'] })
    expect(await cluster.clientSeen('outside', balancer('node-1'))).not.toBe(CLUSTER.outside[0])
    expect(await cluster.answers('outside', nodePort('node-3', NODE_PORT))).toEqual(['a1'])
    await cluster.apply(local(['a1']))
    expect(await answersThrough()).toMatchObject({ 'node-1': ['a1'], 'node-2': ['timeout'] })
    expect(await cluster.clientSeen('outside', balancer('node-1'))).toBe(CLUSTER.outside[0])
  })

  test('should handle updates to ExternalTrafficPolicy field [Slow]: the health-check node port comes and goes', async () => {
    await cluster.apply(local(['a1']))
    await expectHealth(200, 503, 503)
    await cluster.apply(local(['a1'], { externalTrafficPolicy: 'Cluster', healthCheckNodePort: 0 }))
    await expectHealth(0, 0, 0)
    await cluster.apply(local(['a1']))
    await expectHealth(200, 503, 503)
  })

  test('should fail health check node port if there are only terminating endpoints', async () => {
    await cluster.apply(local(['a1']))
    await expectHealth(200, 503, 503)
    await cluster.apply(local([{ pod: 'a1', ...TERMINATING }]))
    await expectHealth(503, 503, 503)
    // It fails so that nothing new is sent there; what is sent is served.
    expect(await cluster.answers('outside', balancer('node-1'))).toEqual(['a1'])
  })
})
