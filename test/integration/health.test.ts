import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Namespace, until } from '../lab/index.ts'
import { type Answer, ask as askUrl } from '../sluice/ask.ts'
import { CLUSTER, nodeOf, type PodName, TestCluster } from '../sluice/cluster.ts'
import { Instance } from '../sluice/instance.ts'
import { type EndpointManifest, endpointSlice, type Manifest, nodeObject, service } from '../sluice/manifests.ts'

const [NODE4, NODE6] = CLUSTER.node1
const [CLUSTER_IP4, CLUSTER_IP6] = ['10.96.0.40', 'fd00:10:96::40']
const BALANCER_IP = '198.51.100.40'

/** Asks over a connection of its own; how it failed, as an errno, when there is no answer. */
async function ask(
  from: Namespace,
  address: string,
  port: number,
  path = '/',
  method = 'GET',
): Promise<Answer | string> {
  const host = address.includes(':') ? `[${address}]` : address
  return askUrl(from, `http://${host}:${port}${path}`, { method, timeoutMs: 1500 })
}

/** Status and weight; or the errno. */
async function weigh(address: string, port: number): Promise<string> {
  const answer = await ask(cluster.outside, address, port)
  if (typeof answer === 'string') return answer
  return `${answer.status} ${answer.headers['x-load-balancing-endpoint-weight']}`
}

/** Waits for it, since listeners open after the revision is served. */
async function eventually(address: string, port: number, expected: string): Promise<void> {
  let seen = ''
  const isThere = async () => {
    seen = await weigh(address, port)
    return seen === expected
  }
  await until(isThere, { timeoutMs: 15_000, everyMs: 20, what: `${expected} on port ${port}` }).catch(() => undefined)
  expect(seen).toBe(expected)
}

/** Holds a port of a namespace, as another program would. */
async function hold(namespace: Namespace, address: string, port: number): Promise<ChildProcess> {
  const script = `require('node:net').createServer().listen(${port}, '${address}', () => console.log('listening'))`
  const child = namespace.spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.stdout !== null) await once(child.stdout, 'data')
  return child
}

const READY = { conditions: { ready: true } }
const TERMINATING = { conditions: { ready: false, serving: true, terminating: true } }

/** A load balancer that keeps to the nodes with endpoints, of both families. */
function balancer(port: number, pods: Partial<Record<PodName, Manifest>>, spec: Manifest = {}): Manifest[] {
  const endpoints = (index: 0 | 1) =>
    Object.entries(pods).map(
      ([name, special]): EndpointManifest => ({
        addresses: [cluster.pods[name as PodName].addresses[index] ?? ''],
        nodeName: nodeOf(name as PodName),
        ...special,
      }),
    )
  return [
    service('web', {
      type: 'LoadBalancer',
      clusterIPs: [CLUSTER_IP4, CLUSTER_IP6],
      ports: [{ name: 'http', port: 80, nodePort: 30140 }],
      ingress: [{ ip: BALANCER_IP }],
      spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: port, ...spec },
    }),
    ...([0, 1] as const)
      .filter((index) => endpoints(index).length > 0)
      .map((index) =>
        endpointSlice('web', {
          name: `web-${index}`,
          ports: [{ name: 'http', port: 8080 }],
          endpoints: endpoints(index),
        }),
      ),
  ]
}

let cluster: TestCluster
let sluice: Instance

beforeAll(async () => {
  cluster = await TestCluster.create()
  const { a1, a2 } = cluster.pods
  for (const pod of [a1, a2]) await pod.serve({ protocol: 'http', port: 8080, name: pod.name })
  await cluster.outside.route(`${BALANCER_IP}/32`, NODE4)
  await cluster.node1.ip('addr add 192.168.60.1/24 dev eth0')
  await cluster.outside.route('192.168.60.0/24', NODE4)
  sluice = await cluster.sluice()
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

describe('health-check node ports (promises 82 to 84)', () => {
  afterEach(async () => {
    await cluster.apply(sluice, 'web.yaml', [])
  })

  test('tell load balancers how many ready pods this node has, in each family', async () => {
    await cluster.apply(sluice, 'web.yaml', balancer(32_000, { a1: READY, a2: READY, b1: READY }))
    await eventually(NODE4, 32_000, '200 2')
    expect(await weigh(NODE6, 32_000)).toBe('200 2')
    // The balancer sends what it asks about to this node, and a pod of this node answers.
    const served = await cluster.outside.request({ protocol: 'http', address: BALANCER_IP, port: 80 })
    expect(served.verdict).toBe('answered')
    const answer = await ask(cluster.outside, NODE4, 32_000, '/any/path?at=all', 'POST')
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'x-load-balancing-endpoint-weight': '2',
      },
    })
    const { body } = answer as Answer
    expect(JSON.parse(body)).toEqual({
      service: { namespace: 'default', name: 'web' },
      localEndpoints: 2,
      serviceProxyHealthy: true,
    })
  })

  test('follow the pods; those that terminate or run elsewhere do not count', async () => {
    await cluster.apply(sluice, 'web.yaml', balancer(32_001, { a1: READY, a2: TERMINATING, b1: READY }))
    await eventually(NODE4, 32_001, '200 1')
    await cluster.apply(sluice, 'web.yaml', balancer(32_001, { a1: TERMINATING, a2: TERMINATING, b1: READY }))
    await eventually(NODE4, 32_001, '503 0')
    // Connections are still served by what terminates, while no new ones are to be sent here.
    const served = await cluster.outside.request({ protocol: 'http', address: BALANCER_IP, port: 80 })
    expect(served.verdict).toBe('answered')
    await cluster.apply(sluice, 'web.yaml', balancer(32_001, {}))
    await eventually(NODE4, 32_001, '503 0')
    await cluster.apply(sluice, 'web.yaml', balancer(32_001, { a2: READY }))
    await eventually(NODE4, 32_001, '200 1')
  })

  test('follow the port of the Service and close with it, and with its policy', async () => {
    await cluster.apply(sluice, 'web.yaml', balancer(32_002, { a1: READY }))
    await eventually(NODE4, 32_002, '200 1')
    await cluster.apply(sluice, 'web.yaml', balancer(32_003, { a1: READY }))
    await eventually(NODE4, 32_003, '200 1')
    await eventually(NODE4, 32_002, 'ECONNREFUSED')
    const anyNode = { externalTrafficPolicy: 'Cluster' }
    await cluster.apply(sluice, 'web.yaml', balancer(32_003, { a1: READY }, anyNode))
    await eventually(NODE4, 32_003, 'ECONNREFUSED')
    await cluster.apply(sluice, 'web.yaml', balancer(32_003, { a1: READY }))
    await eventually(NODE6, 32_003, '200 1')
    await cluster.apply(sluice, 'web.yaml', [])
    await eventually(NODE6, 32_003, 'ECONNREFUSED')
  })

  test("are on the node's primary addresses and on no other one", async () => {
    await cluster.apply(sluice, 'web.yaml', balancer(32_004, { a1: READY }))
    await eventually(NODE4, 32_004, '200 1')
    expect(await weigh('192.168.60.1', 32_004)).toBe('ECONNREFUSED')
    expect(await ask(cluster.node1, '127.0.0.1', 32_004)).toBe('ECONNREFUSED')
    expect(await ask(cluster.pods.a1, NODE4, 32_004)).toMatchObject({ status: 200 })
  })

  test('that are taken are a problem of their Service until they are free', async () => {
    const holder = await hold(cluster.node1, NODE4, 32_005)
    await cluster.apply(sluice, 'web.yaml', balancer(32_005, { a1: READY }))
    const { problems } = await sluice.waitFor('the problem', (status) => status.problems.length > 0)
    expect(problems).toMatchObject([{ severity: 'error', object: 'default/web', field: 'spec.healthCheckNodePort' }])
    expect(problems[0]?.message).toContain(`${NODE4}:32005: the port is in use`)
    await eventually(NODE6, 32_005, '200 1')
    holder.kill()
    await eventually(NODE4, 32_005, '200 1')
    expect((await sluice.status()).problems).toEqual([])
  })
})

describe('--nodeport-addresses says where they are (promise 84)', () => {
  test.each([
    ['all', [NODE4, NODE6, '192.168.60.1'], true],
    ['192.168.60.0/24,fd00:99::/64', ['192.168.60.1'], false],
    ['127.0.0.0/8,::1/128', [], true],
  ] as const)('%s', async (list, reached, onLoopback) => {
    await sluice.stop()
    cluster.manifests.write('web.yaml', balancer(32_006, { a1: READY }))
    const { runDirectory } = sluice
    sluice = await cluster.sluice({ runDirectory, args: ['--nodeport-addresses', list] })
    const onNode = async () => {
      const answer = await ask(cluster.node1, '127.0.0.1', 32_006)
      return typeof answer === 'string' ? answer : answer.status
    }
    // First what is to open: only then a refusal says something.
    for (const address of reached) await eventually(address, 32_006, '200 1')
    if (onLoopback) await until(async () => (await onNode()) === 200)
    else expect(await onNode()).toBe('ECONNREFUSED')
    for (const address of [NODE4, NODE6, '192.168.60.1']) {
      if (!(reached as readonly string[]).includes(address)) expect(await weigh(address, 32_006)).toBe('ECONNREFUSED')
    }
  })
})

describe("the proxy's own health (promises 85, 86)", () => {
  const statusOf = async (path: string) => {
    const answer = await ask(cluster.outside, NODE4, 10_256, path)
    return typeof answer === 'string' ? answer : answer.status
  }

  test('is served on both families, with the fields of kube-proxy', async () => {
    const { body, headers } = (await ask(cluster.outside, NODE6, 10_256, '/healthz')) as Answer
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-content-type-options': 'nosniff' })
    const report = JSON.parse(body) as Record<string, unknown>
    expect(Object.keys(report)).toEqual(['lastUpdated', 'currentTime', 'nodeEligible', 'healthy', 'status'])
    expect(report).toMatchObject({ nodeEligible: true, healthy: true })
    expect(await Promise.all(['/healthz', '/livez', '/readyz', '/'].map(statusOf))).toEqual([200, 200, 200, 404])
  })

  test.each([
    [
      'the taint of the cluster autoscaler',
      {},
      { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] },
    ],
    ['a deletion timestamp', { deletionTimestamp: '2026-01-02T03:04:05Z' }, {}],
  ])('a node with %s is to get no traffic, and lives', async (_, metadata, spec) => {
    const node = nodeObject('node-1', CLUSTER.node1)
    const leaving = { ...node, metadata: { ...(node['metadata'] as object), ...metadata }, spec }
    await cluster.apply(sluice, 'node.yaml', [leaving])
    await until(async () => (await statusOf('/healthz')) === 503)
    expect(await statusOf('/livez')).toBe(200)
    expect(await statusOf('/readyz')).toBe(200)
    await cluster.apply(sluice, 'node.yaml', [node])
    await until(async () => (await statusOf('/healthz')) === 200)
  })

  test('a second instance says that the address is taken, and takes over when it is free', async () => {
    const second = await cluster.sluice()
    const taken = (problems: readonly { object: string }[]) => problems.some(({ object }) => object === 'healthz')
    expect(taken((await second.status()).problems)).toBe(true)
    await sluice.stop()
    await second.waitFor('its address', (status) => !taken(status.problems), 15_000)
    expect(await statusOf('/livez')).toBe(200)
    await second.stop()
    expect(await statusOf('/livez')).toBe('ECONNREFUSED')
  })

  test('with --bind-address-hard-fail a taken address ends it; with no address nothing is served', async () => {
    const holder = await hold(cluster.node1, NODE4, 10_256)
    const input = cluster.manifests.path
    const refused = Instance.spawn(cluster.node1, { input, args: ['--bind-address-hard-fail'] })
    expect(await refused.ended()).toMatchObject({ code: 5 })
    expect(refused.output).toMatch(/cannot listen on \*:10256: the port is in use \[LISTEN_FAILED\]/)
    await refused.dispose()
    holder.kill()
    await once(holder, 'exit')
    sluice = await cluster.sluice({ args: ['--healthz-bind-address='] })
    expect(await statusOf('/livez')).toBe('ECONNREFUSED')
  })
})
