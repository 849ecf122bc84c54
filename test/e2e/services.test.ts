import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { endpointSlice, type Manifest, service } from '../sluice/manifests.ts'
import { type ClientName, NODE_ADDRESSES, NODE_NAMES, type Target, ThreeNodeCluster } from './cluster.ts'
import {
  BALANCER_IP,
  type Backend,
  CLIENTS,
  CLUSTER_IP,
  HTTP,
  NODE_PORT,
  OTHER_CLUSTER_IP,
  slicesOf,
  UDP,
  UNREADY,
  UNREADY_TERMINATING,
  web,
  webWith,
} from './services.ts'

// After test/e2e/network/service.go of Kubernetes: the same names, so that one can be read beside the other.

const WEB: Target = { address: CLUSTER_IP[4], port: 80 }
const WEB_UDP: Target = { ...WEB, protocol: 'udp' }
const PODS = ['a1', 'b1', 'c1'] as const

let cluster: ThreeNodeCluster

beforeAll(async () => {
  cluster = await ThreeNodeCluster.create()
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

const backed = (backends: readonly Backend[], options: Parameters<typeof web>[0] = {}): Manifest[] =>
  webWith(cluster, backends, options)

function nodePort(node: (typeof NODE_NAMES)[number], protocol: Target['protocol'] = 'http'): Target {
  return { address: NODE_ADDRESSES[node][0], port: NODE_PORT, protocol }
}

/** That all clients get the same answers. */
async function expectAnswers(target: Target, answers: readonly string[], clients: readonly ClientName[] = CLIENTS) {
  const check = async (from: ClientName): Promise<void> => {
    expect(await cluster.answers(from, target, answers.length), from).toEqual(answers)
  }
  await Promise.all(clients.map(check))
}

/** That nobody serves a target. */
async function expectNoServer(target: Target, clients: readonly ClientName[] = ['a2', 'node-2']) {
  await Promise.all(clients.map(async (from) => expect(await cluster.servers(from, target), from).toEqual([])))
}

describe('Services', () => {
  test('should serve a basic endpoint from pods [Conformance]', async () => {
    const steps = [['a1'], ['a1', 'b1'], ['b1']] as const
    await cluster.apply(backed([]))
    await expectAnswers(WEB, ['refused'])
    for (const pods of steps) {
      await cluster.apply(backed(pods))
      await expectAnswers(WEB, pods)
    }
    await cluster.apply(backed([]))
    await expectAnswers(WEB, ['refused'])
  })

  test('should serve multiport endpoints from pods [Conformance]', async () => {
    const ports = [HTTP, { name: 'http-alt', port: 81 }]
    const alt: Target = { ...WEB, port: 81 }
    await cluster.apply(backed([...PODS], { ports }))
    await expectAnswers(WEB, PODS)
    await expectAnswers(
      alt,
      PODS.map((name) => `${name} alt`),
    )
    // One pod for each port, as the test of Kubernetes has it.
    const slice = (name: string, pod: 'a1' | 'b1', port: number): Manifest =>
      endpointSlice('web', {
        name: `web-${name}`,
        ports: [{ name, port }],
        endpoints: [cluster.addressOf(pod)],
        nodeName: pod === 'a1' ? 'node-1' : 'node-2',
      })
    await cluster.apply([web({ ports }), slice('http', 'a1', 8080), slice('http-alt', 'b1', 8081)])
    await expectAnswers(WEB, ['a1'])
    await expectAnswers(alt, ['b1 alt'])
    await cluster.apply([web({ ports }), slice('http-alt', 'b1', 8081)])
    await expectAnswers(WEB, ['refused'])
    await expectAnswers(alt, ['b1 alt'])
  })

  test('should serve endpoints on same port and different protocols [Conformance]', async () => {
    await cluster.apply(backed(['b1'], { ports: [HTTP, UDP] }))
    await expectAnswers(WEB, ['b1'])
    await expectAnswers(WEB_UDP, ['b1'])
    await cluster.apply(backed(['b1'], { ports: [HTTP] }))
    await expectAnswers(WEB, ['b1'])
    await expectAnswers(WEB_UDP, ['refused'])
    await cluster.apply(backed(['b1'], { ports: [UDP] }))
    await expectAnswers(WEB, ['refused'])
    await expectAnswers(WEB_UDP, ['b1'])
  })

  test('should preserve source pod IP for traffic thru service cluster IP [LinuxOnly]', async () => {
    await cluster.apply(backed(['a1']))
    for (const pod of ['a2', 'b1', 'c1'] as const) {
      expect(await cluster.clientSeen(pod, WEB)).toBe(cluster.addressOf(pod))
    }
  })

  test('should allow pods to hairpin back to themselves through services', async () => {
    await cluster.apply(backed(['a1'], { type: 'NodePort', ports: [{ ...HTTP, nodePort: NODE_PORT }] }))
    expect(await cluster.answers('a1', WEB)).toEqual(['a1'])
    for (const node of NODE_NAMES) expect(await cluster.answers('a1', nodePort(node))).toEqual(['a1'])
  })

  test('should be able to up and down services', async () => {
    const addresses = ['10.96.0.71', '10.96.0.72', '10.96.0.73'] as const
    const up = async (...numbers: readonly number[]): Promise<void> => {
      await cluster.apply(
        numbers.flatMap((number) => {
          const name = `up-down-${number + 1}`
          const clusterIPs = [addresses[number] ?? '']
          return [service(name, { clusterIPs, ports: [HTTP] }), ...slicesOf(cluster, name, PODS)]
        }),
      )
    }
    const targets = addresses.map((address): Target => ({ address, port: 80 }))
    const [first, second, third] = targets as [Target, Target, Target]
    await up(0, 1)
    await expectAnswers(first, PODS)
    await expectAnswers(second, PODS)
    await up(1)
    await expectNoServer(first)
    await expectAnswers(second, PODS)
    await up(1, 2)
    await expectNoServer(first)
    await expectAnswers(second, PODS)
    await expectAnswers(third, PODS)
  })

  test('should be updated after adding or deleting ports', async () => {
    const added = { name: 'http-alt', port: 81 }
    await cluster.apply(backed(['b1'], { ports: [HTTP] }))
    await expectAnswers({ ...WEB, port: 81 }, ['refused'])
    await cluster.apply(backed(['b1'], { ports: [HTTP, added] }))
    await expectAnswers(WEB, ['b1'])
    await expectAnswers({ ...WEB, port: 81 }, ['b1 alt'])
    await cluster.apply(backed(['b1'], { ports: [added] }))
    await expectAnswers(WEB, ['refused'])
    await expectAnswers({ ...WEB, port: 81 }, ['b1 alt'])
  })

  test('should work after the service has been recreated', async () => {
    await cluster.apply(backed(['c1']))
    await expectAnswers(WEB, ['c1'])
    await cluster.apply(slicesOf(cluster, 'web', ['c1']))
    await expectNoServer(WEB)
    await cluster.apply(backed(['c1']))
    await expectAnswers(WEB, ['c1'])
  })

  test('should be able to create a functioning NodePort service [Conformance]', async () => {
    await cluster.apply(backed(PODS, { type: 'NodePort', ports: [{ ...HTTP, nodePort: NODE_PORT }] }))
    await expectAnswers(WEB, PODS)
    for (const node of NODE_NAMES) await expectAnswers(nodePort(node), PODS, ['a2', 'node-2', 'outside'])
  })

  test('should be able to update service type to NodePort listening on same port number but different protocols', async () => {
    await cluster.apply(backed(['b1'], { ports: [HTTP, UDP] }))
    await expectNoServer(nodePort('node-1'), ['outside'])
    const ports = [HTTP, UDP].map((port) => ({ ...port, nodePort: NODE_PORT }))
    await cluster.apply(backed(['b1'], { type: 'NodePort', ports }))
    for (const node of NODE_NAMES) {
      for (const protocol of ['http', 'udp'] as const) {
        await expectAnswers(nodePort(node, protocol), ['b1'], ['a2', 'outside'])
      }
    }
  })

  test('should release NodePorts on delete', async () => {
    await cluster.apply(backed(['b1'], { type: 'NodePort', ports: [{ ...HTTP, nodePort: NODE_PORT }] }))
    const server = await cluster.namespace('node-1').serve({ protocol: 'http', port: NODE_PORT, name: 'own server' })
    await expectAnswers(nodePort('node-1'), ['b1'], ['outside'])
    await cluster.apply()
    await expectAnswers(nodePort('node-1'), ['own server'], ['a2', 'outside'])
    await server.close()
  })

  test('should be possible to connect to a service via ExternalIP when the external IP is not assigned to a node', async () => {
    const externalIP = '203.0.113.250'
    await cluster.apply(backed(PODS, { externalIPs: [externalIP] }))
    await expectAnswers({ address: externalIP, port: 80 }, PODS)
    for (const node of NODE_NAMES) {
      await cluster.routeTo(externalIP, node)
      await expectAnswers({ address: externalIP, port: 80 }, PODS, ['outside'])
    }
  })

  test('should serve endpoints on same port and different protocol for internal traffic on Type LoadBalancer', async () => {
    const ports = [HTTP, UDP]
    await cluster.apply(backed(['b1'], { type: 'LoadBalancer', ports, ingress: [{ ip: BALANCER_IP }] }))
    for (const address of [CLUSTER_IP[4], BALANCER_IP]) {
      for (const protocol of ['http', 'udp'] as const) await expectAnswers({ address, port: 80, protocol }, ['b1'])
    }
  })

  test('should support named targetPorts that resolve to different ports on different endpoints', async () => {
    const slice = (pod: 'a1' | 'b1', port: number): Manifest =>
      endpointSlice('web', {
        name: `web-${port}`,
        ports: [{ name: 'http', port }],
        endpoints: [cluster.addressOf(pod)],
      })
    await cluster.apply([web({ ports: [{ ...HTTP, targetPort: 'web' }] }), slice('a1', 8080), slice('b1', 8081)])
    await expectAnswers(WEB, ['a1', 'b1 alt'])
  })
})

describe('Services', () => {
  const EXTERNAL_NAME = { type: 'ExternalName', clusterIPs: [], spec: { externalName: 'foo.example.com' } } as const
  const NODE_PORT_TYPE = { type: 'NodePort', ports: [{ ...HTTP, nodePort: NODE_PORT }] } as const

  test('should be able to change the type from ExternalName to ClusterIP [Conformance]', async () => {
    await cluster.apply(backed(PODS, EXTERNAL_NAME))
    await expectNoServer(WEB)
    await cluster.apply(backed(PODS))
    await expectAnswers(WEB, PODS)
  })

  test('should be able to change the type from ExternalName to NodePort [Conformance]', async () => {
    await cluster.apply(backed(PODS, EXTERNAL_NAME))
    await expectNoServer(nodePort('node-1'), ['a2', 'outside'])
    await cluster.apply(backed(PODS, NODE_PORT_TYPE))
    await expectAnswers(WEB, PODS)
    for (const node of NODE_NAMES) await expectAnswers(nodePort(node), PODS, ['a2', 'outside'])
  })

  test('should be able to change the type from ClusterIP to ExternalName [Conformance]', async () => {
    await cluster.apply(backed(PODS))
    await expectAnswers(WEB, PODS)
    await cluster.apply(backed(PODS, EXTERNAL_NAME))
    await expectNoServer(WEB)
  })

  test('should be able to change the type from NodePort to ExternalName [Conformance]', async () => {
    await cluster.apply(backed(PODS, NODE_PORT_TYPE))
    for (const node of NODE_NAMES) await expectAnswers(nodePort(node), PODS, ['a2', 'outside'])
    // A cluster IP that was left over is not served either (promise 2).
    await cluster.apply(backed(PODS, { ...EXTERNAL_NAME, clusterIPs: [CLUSTER_IP[4]] }))
    await expectNoServer(WEB)
    await expectNoServer(nodePort('node-1'), ['a2', 'outside'])
  })
})

describe('Services', () => {
  test('should be rejected when no endpoints exist', async () => {
    const ports = [
      { ...HTTP, nodePort: NODE_PORT },
      { ...UDP, nodePort: NODE_PORT },
    ]
    await cluster.apply(backed([], { type: 'NodePort', ports }))
    for (const protocol of ['tcp', 'udp'] as const) {
      await expectAnswers({ ...WEB, protocol }, ['refused'])
      for (const node of NODE_NAMES) await expectAnswers(nodePort(node, protocol), ['refused'], ['a2', 'outside'])
    }
  })

  test('should be rejected for evicted pods (no endpoints exist)', async () => {
    await cluster.apply(backed(PODS.map((pod) => ({ pod, ...UNREADY }))))
    await expectAnswers(WEB, ['refused'])
  })

  test('should create endpoints for unready pods', async () => {
    const published = { pod: 'a1', conditions: { ready: true, serving: false, terminating: true } } as const
    await cluster.apply(backed([published]))
    await expectAnswers(WEB, ['a1'])
    await cluster.apply(backed([{ pod: 'a1', ...UNREADY_TERMINATING }]))
    await expectAnswers(WEB, ['refused'])
    await cluster.apply(backed([published]))
    await expectAnswers(WEB, ['a1'])
  })

  const unready: readonly Backend[] = [
    { pod: 'a1', ...UNREADY },
    { pod: 'b1', ...UNREADY_TERMINATING },
  ]
  const ports = [{ ...HTTP, nodePort: NODE_PORT }]

  // For publishNotReadyAddresses the controller writes that all are ready; a proxy looks at nothing else (promise 34).
  test('should be able to connect to terminating and unready endpoints if PublishNotReadyAddresses is true', async () => {
    const published: Backend[] = [
      { pod: 'a1', conditions: { ready: true, serving: false, terminating: false } },
      { pod: 'b1', conditions: { ready: true, serving: false, terminating: true } },
    ]
    await cluster.apply(backed(published, { type: 'NodePort', ports, spec: { publishNotReadyAddresses: true } }))
    await expectAnswers(WEB, ['a1', 'b1'])
    for (const node of NODE_NAMES) await expectAnswers(nodePort(node), ['a1', 'b1'], ['c2', 'outside'])
  })

  test('should not be able to connect to terminating and unready endpoints if PublishNotReadyAddresses is false', async () => {
    await cluster.apply(backed(unready, { type: 'NodePort', ports, spec: { publishNotReadyAddresses: false } }))
    await expectAnswers(WEB, ['refused'])
    for (const node of NODE_NAMES) await expectAnswers(nodePort(node), ['refused'], ['c2', 'outside'])
  })
})

describe('Services', () => {
  test.each(['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'])(
    'should implement %s',
    async (label) => {
      const other = service('other', { clusterIPs: [OTHER_CLUSTER_IP[4]], ports: [HTTP] })
      const beside = [other, ...slicesOf(cluster, 'other', PODS)]
      const labels = { [label]: 'foo-bar' }
      // Made with the label: never served.
      await cluster.apply(backed(PODS, { labels }), beside)
      await expectNoServer(WEB)
      await expectAnswers({ ...WEB, address: OTHER_CLUSTER_IP[4] }, PODS, ['a2', 'node-2'])
      // The label goes, and comes.
      await cluster.apply(backed(PODS), beside)
      await expectAnswers(WEB, PODS)
      await cluster.apply(backed(PODS, { labels }), beside)
      await expectNoServer(WEB)
      await expectAnswers({ ...WEB, address: OTHER_CLUSTER_IP[4] }, PODS, ['a2', 'node-2'])
    },
  )
})

describe('Services', () => {
  test('should work after restarting kube-proxy [Disruptive]', async () => {
    const other = service('other', { clusterIPs: [OTHER_CLUSTER_IP[4]], ports: [HTTP] })
    const OTHER: Target = { address: OTHER_CLUSTER_IP[4], port: 80 }
    await cluster.apply(backed(PODS))
    await expectAnswers(WEB, PODS)
    await cluster.killSluice()
    await expectAnswers(WEB, PODS)
    await cluster.startSluice()
    await expectAnswers(WEB, PODS)
    await cluster.apply(backed(PODS), [other, ...slicesOf(cluster, 'other', PODS)])
    await expectAnswers(WEB, PODS)
    await expectAnswers(OTHER, PODS)
  })
})
