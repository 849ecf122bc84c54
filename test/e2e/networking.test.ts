import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Protocol } from '../lab/index.ts'
import { verdictOf } from '../sluice/cluster.ts'
import { endpointSlice, type Manifest, service } from '../sluice/manifests.ts'
import { type ClientName, NODE_ADDRESSES, type NodeName, type Target, ThreeNodeCluster } from './cluster.ts'
import {
  type Backend,
  CLUSTER_IP,
  HTTP,
  NODE_PORT,
  OTHER_CLUSTER_IP,
  OTHER_NODE_PORT,
  SCTP,
  slicesOf,
  UDP,
  webWith,
} from './services.ts'

// After test/e2e/network/networking.go, dual_stack.go, no_snat.go and funny_ips.go of Kubernetes. A "pod" asks that is no
// endpoint, an "endpoint" asks its own Service, a "node" asks from the host network.

const PODS = ['a1', 'b1', 'c1'] as const
const PORTS = [
  { ...HTTP, nodePort: NODE_PORT },
  { ...UDP, nodePort: NODE_PORT },
  { ...SCTP, nodePort: NODE_PORT },
]

let cluster: ThreeNodeCluster

beforeAll(async () => {
  cluster = await ThreeNodeCluster.create({ sctp: true })
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

/** The Service that all these tests use, a NodePort Service of both families. */
function net(backends: readonly Backend[] = PODS, spec: Manifest = {}): Manifest[] {
  return webWith(cluster, backends, {
    type: 'NodePort',
    clusterIPs: [CLUSTER_IP[4], CLUSTER_IP[6]],
    ports: PORTS,
    spec: { ipFamilyPolicy: 'RequireDualStack', ...spec },
  })
}

function clusterIP(protocol: Protocol, family: 4 | 6 = 4): Target {
  return { address: CLUSTER_IP[family], port: 80, protocol }
}

function nodePort(node: NodeName, protocol: Protocol, family: 4 | 6 = 4): Target {
  return { address: NODE_ADDRESSES[node][family === 4 ? 0 : 1], port: NODE_PORT, protocol }
}

/** That a client reaches all pods through the cluster IP, and through the node ports of its node and of another one. */
async function expectAll(from: ClientName, own: NodeName, other: NodeName, protocol: Protocol, family: 4 | 6) {
  const targets = [clusterIP(protocol, family), nodePort(own, protocol, family), nodePort(other, protocol, family)]
  for (const target of targets) expect(await cluster.answers(from, target, PODS.length), target.address).toEqual(PODS)
}

const PROTOCOLS = ['http', 'udp', 'sctp'] as const

describe.each([
  ['Networking Granular Checks: Services', 4],
  ['[Feature:IPv6DualStack] Granular Checks: Services Secondary IP Family [LinuxOnly]', 6],
] as const)('%s', (_, family) => {
  test.each(PROTOCOLS)('should function for pod-Service: %s', async (protocol) => {
    await cluster.apply(net())
    await expectAll('a2', 'node-1', 'node-2', protocol, family)
  })

  test.each(PROTOCOLS)('should function for node-Service: %s', async (protocol) => {
    await cluster.apply(net())
    await expectAll('node-2', 'node-2', 'node-3', protocol, family)
  })

  test.each(PROTOCOLS)('should function for endpoint-Service: %s', async (protocol) => {
    await cluster.apply(net())
    await expectAll('c1', 'node-3', 'node-1', protocol, family)
  })

  test.each(['http', 'udp'] as const)('should update endpoints: %s', async (protocol) => {
    const target = clusterIP(protocol, family)
    await cluster.apply(net())
    expect(await cluster.answers('a2', target, 3)).toEqual(PODS)
    await cluster.apply(net(['b1', 'c1']))
    expect(await cluster.answers('a2', target, 2)).toEqual(['b1', 'c1'])
    await cluster.apply(net(['b1', 'b2', 'c1']))
    expect(await cluster.answers('a2', target, 3)).toEqual(['b1', 'b2', 'c1'])
  })

  test.each(['http', 'udp'] as const)('should update nodePort: %s [Slow]', async (protocol) => {
    const target = nodePort('node-1', protocol, family)
    await cluster.apply(net())
    for (const from of ['node-1', 'outside'] as const) expect(await cluster.answers(from, target, 3)).toEqual(PODS)
    await cluster.apply()
    for (const from of ['node-1', 'outside'] as const) expect(await cluster.answers(from, target)).toEqual(['refused'])
  })

  test.each(['http', 'udp'] as const)(
    'should function for client IP based session affinity: %s [LinuxOnly]',
    async (protocol) => {
      await cluster.apply(net(PODS, { sessionAffinity: 'ClientIP' }))
      // As many draws as would show all three: without affinity one name comes up with a chance of 1 in 10^19.
      expect(await cluster.answersWithAffinity('a2', clusterIP(protocol, family), 3)).toHaveLength(1)
    },
  )

  test.each(['http', 'udp'] as const)('should be able to handle large requests: %s', async (protocol) => {
    await cluster.apply(net())
    // More than a packet holds: UDP goes in fragments.
    const bytes = 2000
    for (const target of [clusterIP(protocol, family), nodePort('node-2', protocol, family)]) {
      const spec = { ...target, protocol, bytes, count: 20, concurrency: 4 }
      const results = await cluster.namespace('a2').requests(spec)
      expect(new Set(results.map(verdictOf))).toEqual(new Set(['answered']))
      expect(new Set(results.map((result) => result.verdict === 'answered' && result.length))).toEqual(new Set([bytes]))
    }
  })

  test.each(['http', 'udp'] as const)(
    'should function for service endpoints using hostNetwork: %s',
    async (protocol) => {
      const nodes = ['node-1', 'node-2', 'node-3'] as const
      await cluster.apply(net(nodes))
      for (const from of ['a2', 'node-2'] as const) {
        expect(await cluster.answers(from, clusterIP(protocol, family), 3)).toEqual(nodes)
        expect(await cluster.answers(from, nodePort('node-1', protocol, family), 3)).toEqual(nodes)
      }
    },
  )

  test('should function for multiple endpoint-Services with same selector', async () => {
    const ports = [{ ...HTTP, nodePort: OTHER_NODE_PORT }]
    const second = service('second', { type: 'NodePort', clusterIPs: Object.values(OTHER_CLUSTER_IP), ports })
    const targets: Target[] = [
      { address: OTHER_CLUSTER_IP[family], port: 80 },
      { ...nodePort('node-2', 'http', family), port: OTHER_NODE_PORT },
    ]
    await cluster.apply(net(), [second, ...slicesOf(cluster, 'second', PODS)])
    for (const target of [clusterIP('http', family), nodePort('node-2', 'http', family), ...targets]) {
      expect(await cluster.answers('a1', target, 3)).toEqual(PODS)
    }
    await cluster.apply([second, ...slicesOf(cluster, 'second', PODS)])
    for (const target of targets) expect(await cluster.answers('a1', target, 3)).toEqual(PODS)
  })

  test('should support basic nodePort: udp functionality', async () => {
    await cluster.apply(net())
    expect(await cluster.answers('node-1', nodePort('node-1', 'udp', family), 3)).toEqual(PODS)
    expect(await cluster.answers('outside', nodePort('node-1', 'udp', family), 3)).toEqual(PODS)
  })
})

describe('[Feature:IPv6DualStack]', () => {
  test.each([
    ['should create service with ipv4 cluster ip', [4]],
    ['should create service with ipv6 cluster ip', [6]],
    ['should create service with ipv4,v6 cluster ip', [4, 6]],
    ['should create service with ipv6,v4 cluster ip', [6, 4]],
  ] as const)('%s', async (_, families) => {
    const clusterIPs = families.map((family) => CLUSTER_IP[family])
    const ipFamilies = families.map((family) => `IPv${family}`)
    await cluster.apply(webWith(cluster, PODS, { clusterIPs, spec: { ipFamilies } }))
    for (const from of ['a2', 'node-2'] as const) {
      for (const family of families) expect(await cluster.answers(from, clusterIP('http', family), 3)).toEqual(PODS)
    }
    const unserved = ([4, 6] as const).filter((family) => !clusterIPs.includes(CLUSTER_IP[family]))
    for (const family of unserved) expect(await cluster.servers('a2', clusterIP('http', family))).toEqual([])
  })
})

describe('NoSNAT', () => {
  test('Should be able to send traffic between Pods without SNAT', async () => {
    await cluster.apply(net())
    const pods = ['a1', 'a2', 'b1', 'c1'] as const
    for (const from of pods) {
      for (const to of pods.filter((pod) => pod !== from)) {
        for (const family of [4, 6] as const) {
          const target = { address: cluster.addressOf(to, family), port: 8080 }
          expect(await cluster.clientSeen(from, target), `${from} to ${to}`).toBe(cluster.addressOf(from, family))
        }
      }
    }
  })
})

describe('CVE-2021-29923', () => {
  test('IPv4 Service Type ClusterIP with leading zeros should work interpreted as decimal', async () => {
    const slice = endpointSlice('funny', {
      ports: [{ name: 'http', port: 8080 }],
      endpoints: [{ addresses: ['010.244.002.001'], nodeName: 'node-2' }],
    })
    await cluster.apply([service('funny', { clusterIPs: ['010.096.000.050'], ports: [HTTP] }), slice])
    // Octal numbers would be 8.78.0.40.
    for (const from of ['a1', 'node-1'] as const) {
      expect(await cluster.answers(from, { address: '10.96.0.50', port: 80 })).toEqual(['b1'])
    }
  })
})
