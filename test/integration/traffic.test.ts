import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Namespace, RequestSpec, Result } from '../lab/index.ts'
import { CLUSTER, POD_NAMES, type PodName, TestCluster, verdictOf } from '../sluice/cluster.ts'
import { endpointSlice, service } from '../sluice/manifests.ts'

const WEB = { 4: '10.96.0.10', 6: 'fd00:10:96::10' }
const EXTERNAL_IP = '198.51.100.7'
const BALANCER_IP = { 4: '198.51.100.8', 6: '2001:db8:51::8' }

let cluster: TestCluster

const podAddresses = (family: 4 | 6) =>
  POD_NAMES.map((name) => cluster.pods[name].addresses[family === 4 ? 0 : 1] ?? '')

beforeAll(async () => {
  cluster = await TestCluster.create()
  await Promise.all(POD_NAMES.map(startServers))
  for (const address of [EXTERNAL_IP, BALANCER_IP[4]]) await cluster.outside.route(`${address}/32`, CLUSTER.node1[0])
  await cluster.outside.route(`${BALANCER_IP[6]}/128`, CLUSTER.node1[1])
  writeManifests()
  await cluster.sluice()
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

async function startServers(name: PodName): Promise<void> {
  const pod = cluster.pods[name]
  for (const protocol of ['http', 'udp', 'sctp'] as const) await pod.serve({ protocol, port: 8080, name })
  await pod.serve({ protocol: 'http', port: 9100, name: `${name}-metrics` })
}

function writeManifests(): void {
  const everywhere = (family: 4 | 6) => {
    const [a1 = '', a2 = '', b1 = '', b2 = ''] = podAddresses(family)
    return { here: [a1, a2], there: [b1, b2] }
  }
  const webPorts = [
    { name: 'http', port: 80, protocol: 'TCP', targetPort: 'web', nodePort: 30080 },
    { name: 'udp', port: 80, protocol: 'UDP', targetPort: 8080, nodePort: 30080 },
    { name: 'sctp', port: 80, protocol: 'SCTP', targetPort: 8080, nodePort: 30081 },
    { name: 'metrics', port: 9090, protocol: 'TCP', targetPort: 'metrics' },
  ] as const
  const slicePorts = [
    { name: 'http', port: 8080, protocol: 'TCP' },
    { name: 'udp', port: 8080, protocol: 'UDP' },
    { name: 'sctp', port: 8080, protocol: 'SCTP' },
    { name: 'metrics', port: 9100, protocol: 'TCP' },
  ]
  const slices = ([4, 6] as const).flatMap((family) => {
    const { here, there } = everywhere(family)
    return [
      endpointSlice('web', { name: `web-${family}-here`, ports: slicePorts, endpoints: here, nodeName: 'node-1' }),
      // The second slice repeats an endpoint of the first: it must not count twice.
      endpointSlice('web', {
        name: `web-${family}-there`,
        ports: slicePorts,
        endpoints: [
          ...there.map((address) => ({ addresses: [address], nodeName: 'node-2' })),
          { addresses: [here[0] ?? ''], nodeName: 'node-1' },
          {
            addresses: [family === 4 ? '10.244.2.99' : 'fd00:10:244:2::99'],
            nodeName: 'node-2',
            conditions: { ready: false },
          },
        ],
      }),
    ]
  })
  cluster.manifests.write('web.yaml', [
    service('web', {
      type: 'LoadBalancer',
      clusterIPs: [WEB[4], WEB[6]],
      ports: webPorts,
      externalIPs: [EXTERNAL_IP],
      ingress: [
        { ip: BALANCER_IP[4] },
        { ip: BALANCER_IP[6] },
        { ip: '198.51.100.9', ipMode: 'Proxy' },
        { hostname: 'lb' },
      ],
    }),
    ...slices,
    service('empty', {
      type: 'NodePort',
      clusterIPs: ['10.96.0.11', 'fd00:10:96::11'],
      ports: [
        { name: 'tcp', port: 80, nodePort: 30090 },
        { name: 'udp', port: 80, protocol: 'UDP', nodePort: 30090 },
      ],
    }),
    service('solo', { clusterIPs: ['10.96.0.12', 'fd00:10:96::12'], ports: [{ port: 80 }] }),
    endpointSlice('solo', { ports: [{ port: 8080 }], endpoints: ['10.244.1.1'], nodeName: 'node-1' }),
    endpointSlice('solo', { ports: [{ port: 8080 }], endpoints: ['fd00:10:244:1::1'], nodeName: 'node-1' }),
  ])
}

async function ask(from: Namespace, spec: RequestSpec, count = 1): Promise<Result[]> {
  return from.requests({ ...spec, count, concurrency: 4 })
}

function verdicts(results: readonly Result[]): string[] {
  return [...new Set(results.map(verdictOf))]
}

function names(results: readonly Result[]): string[] {
  return [...new Set(results.flatMap((result) => (result.verdict === 'answered' ? [result.name] : [])))].sort()
}

function clients(results: readonly Result[]): string[] {
  return [...new Set(results.flatMap((result) => (result.verdict === 'answered' ? [result.client] : [])))].sort()
}

describe.each([4, 6] as const)('IPv%i', (family) => {
  const index = family === 4 ? 0 : 1

  test.each(['http', 'udp', 'sctp'] as const)(
    'the cluster IP reaches every ready endpoint from a pod: %s',
    async (protocol) => {
      // 40 draws among 4 endpoints miss one with a chance of 1 in 25,000.
      const results = await ask(cluster.pods.a2, { protocol, address: WEB[family], port: 80 }, 40)
      expect(verdicts(results)).toEqual(['answered'])
      expect(names(results)).toEqual([...POD_NAMES])
    },
  )

  test('the cluster IP reaches every ready endpoint from the node', async () => {
    const results = await ask(cluster.node1, { protocol: 'http', address: WEB[family], port: 80 }, 40)
    expect(verdicts(results)).toEqual(['answered'])
    expect(names(results)).toEqual([...POD_NAMES])
  })

  test('a second port goes to its own named target port', async () => {
    const results = await ask(cluster.pods.a2, { protocol: 'http', address: WEB[family], port: 9090 }, 40)
    expect(names(results)).toEqual(POD_NAMES.map((name) => `${name}-metrics`))
  })

  test('connections are spread evenly', async () => {
    const results = await ask(cluster.pods.a1, { protocol: 'udp', address: WEB[family], port: 80 }, 400)
    const counts = POD_NAMES.map((name) => results.filter((r) => r.verdict === 'answered' && r.name === name).length)
    const chiSquare = counts.reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0)
    // Three degrees of freedom: 1 in 1,000,000 fair runs is above 30.7.
    expect(chiSquare).toBeLessThan(30.7)
  })

  test('the address of a pod that asks a cluster IP is kept', async () => {
    const results = await ask(cluster.pods.a2, { protocol: 'http', address: WEB[family], port: 80 }, 40)
    const own = cluster.pods.a2.addresses[index] ?? ''
    // Its connections to itself are masqueraded, the others are not.
    const toOthers = results.filter((result) => result.verdict === 'answered' && result.name !== 'a2')
    expect(clients(toOthers)).toEqual([own])
  })

  test('a pod reaches itself through its Service (hairpin), and sees the node as its client', async () => {
    const address = family === 4 ? '10.96.0.12' : 'fd00:10:96::12'
    const results = await ask(cluster.pods.a1, { protocol: 'http', address, port: 80 }, 10)
    expect(verdicts(results)).toEqual(['answered'])
    expect(names(results)).toEqual(['a1'])
    expect(clients(results)).not.toContain(cluster.pods.a1.addresses[index])
  })

  test('a client outside is masqueraded when it asks a cluster IP', async () => {
    await cluster.outside.route(`${WEB[family]}/${family === 4 ? 32 : 128}`, CLUSTER.node1[index])
    const results = await ask(cluster.outside, { protocol: 'http', address: WEB[family], port: 80 }, 20)
    expect(verdicts(results)).toEqual(['answered'])
    expect(clients(results)).not.toContain(CLUSTER.outside[index])
  })

  test.each(['http', 'udp'] as const)(
    'the node port reaches every endpoint from outside, masqueraded: %s',
    async (protocol) => {
      const results = await ask(cluster.outside, { protocol, address: CLUSTER.node1[index], port: 30080 }, 40)
      expect(verdicts(results)).toEqual(['answered'])
      expect(names(results)).toEqual([...POD_NAMES])
      expect(clients(results)).not.toContain(CLUSTER.outside[index])
    },
  )

  test('the node port answers pods and the node itself', async () => {
    for (const from of [cluster.pods.a1, cluster.node1]) {
      const results = await ask(from, { protocol: 'http', address: CLUSTER.node1[index], port: 30080 }, 8)
      expect(verdicts(results)).toEqual(['answered'])
    }
  })

  test('SCTP has a node port of its own', async () => {
    const results = await ask(cluster.outside, { protocol: 'sctp', address: CLUSTER.node1[index], port: 30081 }, 8)
    expect(verdicts(results)).toEqual(['answered'])
  })

  test('the load-balancer IP reaches every endpoint from outside and from pods', async () => {
    for (const from of [cluster.outside, cluster.pods.a1]) {
      const results = await ask(from, { protocol: 'http', address: BALANCER_IP[family], port: 80 }, 40)
      expect(verdicts(results)).toEqual(['answered'])
      expect(names(results)).toEqual([...POD_NAMES])
    }
  })

  test.each(['tcp', 'udp'] as const)(
    'a Service without endpoints is refused on all its destinations: %s',
    async (protocol) => {
      const clusterIP = family === 4 ? '10.96.0.11' : 'fd00:10:96::11'
      const attempts = [
        ask(cluster.pods.a1, { protocol, address: clusterIP, port: 80 }),
        ask(cluster.node1, { protocol, address: clusterIP, port: 80 }),
        ask(cluster.outside, { protocol, address: CLUSTER.node1[index], port: 30090 }),
      ]
      expect((await Promise.all(attempts)).map(verdicts)).toEqual([['refused'], ['refused'], ['refused']])
    },
  )

  test('a port of a cluster IP that no Service has is refused', async () => {
    expect(verdicts(await ask(cluster.pods.a1, { protocol: 'tcp', address: WEB[family], port: 81 }))).toEqual([
      'refused',
    ])
  })
})

test('the external IP reaches every endpoint, though no node has it', async () => {
  const results = await ask(cluster.outside, { protocol: 'http', address: EXTERNAL_IP, port: 80 }, 40)
  expect(verdicts(results)).toEqual(['answered'])
  expect(names(results)).toEqual([...POD_NAMES])
})

test('pods that are asked directly are left alone', async () => {
  const results = await ask(cluster.pods.a1, { protocol: 'http', address: '10.244.2.1', port: 8080 }, 4)
  expect(names(results)).toEqual(['b1'])
  expect(clients(results)).toEqual(['10.244.1.1'])
})
