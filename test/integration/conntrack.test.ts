import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/kernel/conntrack/fake/entry.ts'
import { type Namespace, until } from '../lab/index.ts'
import { answerOf, CLUSTER, nodeOf, type PodName, TestCluster } from '../sluice/cluster.ts'
import { countFlows, createFlows, PROTOCOL } from '../sluice/flows.ts'
import type { Instance } from '../sluice/instance.ts'
import { endpointSlice, type PortManifest, service } from '../sluice/manifests.ts'
import { SLUICE } from '../sluice/process.ts'

const CLUSTER_IP = { 4: '10.96.0.70', 6: 'fd00:10:96::70' }
const EXTERNAL_IP = { 4: '198.51.100.70', 6: '2001:db8:51::70' }
const PORT = 53
const NODE_PORT = 30170
/** The port on which pods answer, and another one. */
const [TARGET, OTHER_TARGET] = [5353, 5354]
const FAMILIES = [4, 6] as const

let cluster: TestCluster
let sluice: Instance
/** Each test is another client. */
let sourcePort = 41_000

beforeAll(async () => {
  cluster = await TestCluster.create()
  for (const name of ['a1', 'b1'] as const) {
    await cluster.pods[name].serve({ protocol: 'udp', port: TARGET, name })
    await cluster.pods[name].serve({ protocol: 'udp', port: OTHER_TARGET, name: `${name}-other` })
    await cluster.pods[name].serve({ protocol: 'tcp', port: TARGET, name })
  }
  for (const [index, family] of FAMILIES.entries()) {
    const via = CLUSTER.node1[index as 0 | 1]
    const length = family === 4 ? 32 : 128
    for (const address of [CLUSTER_IP[family], EXTERNAL_IP[family]]) {
      await cluster.outside.route(`${address}/${length}`, via)
    }
  }
  sluice = await cluster.sluice()
  await serve(['a1'])
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

beforeEach(async () => {
  await remove()
  sourcePort++
})

const UDP: PortManifest = { name: 'dns', port: PORT, protocol: 'UDP', nodePort: NODE_PORT }
const TCP: PortManifest = { name: 'dns-tcp', port: PORT }

/** The Service with these endpoints. */
async function serve(pods: readonly PodName[], target = TARGET, ports: readonly PortManifest[] = [UDP, TCP]) {
  const spec = { type: 'NodePort', externalIPs: [EXTERNAL_IP[4], EXTERNAL_IP[6]], ports }
  await cluster.apply(sluice, 'dns.yaml', [
    service('dns', { clusterIPs: [CLUSTER_IP[4], CLUSTER_IP[6]], ...spec }),
    ...FAMILIES.map((family, index) =>
      endpointSlice('dns', {
        name: `dns-${family}`,
        ports: ports.map(({ name = '', protocol = 'TCP' }) => ({ name, protocol, port: target })),
        endpoints: pods.map((pod) => ({
          addresses: [cluster.pods[pod].addresses[index] ?? ''],
          nodeName: nodeOf(pod),
        })),
      }),
    ),
  ])
}

async function remove(): Promise<void> {
  await cluster.apply(sluice, 'dns.yaml', [])
}

/** What the client, always from the same port, gets. */
async function ask(from: Namespace, address: string, port: number): Promise<string> {
  return answerOf(await from.request({ protocol: 'udp', address, port, sourcePort, timeoutMs: 300 }))
}

/** The client goes on sending until it gets the answer that is due. */
async function answered(from: Namespace, address: string, port: number, by: string): Promise<void> {
  await until(async () => (await ask(from, address, port)) === by, { timeoutMs: 10_000, what: `the answer of ${by}` })
}

/** The node's UDP entries with this destination, by who answers. */
async function entriesOf(address: string, port: number): Promise<string[]> {
  const flows = await countFlows(cluster.node1, 'UDP', address.includes(':') ? 6 : 4)
  const begin = `${address} ${port} by `
  return [...flows.keys()].filter((key) => key.startsWith(begin)).map((key) => key.slice(begin.length))
}

async function untilLeft(address: string, port: number, ...left: readonly string[]): Promise<void> {
  const areLeft = async () => (await entriesOf(address, port)).join() === left.join()
  await until(areLeft, { timeoutMs: 10_000, what: `entries of ${address} ${port} by no other than "${left.join()}"` })
}

const DESTINATIONS = [
  ['cluster IP', CLUSTER_IP[4], PORT],
  ['cluster IP', CLUSTER_IP[6], PORT],
  ['external IP', EXTERNAL_IP[4], PORT],
  ['external IP', EXTERNAL_IP[6], PORT],
  ['node port', CLUSTER.node1[0], NODE_PORT],
  ['node port', CLUSTER.node1[1], NODE_PORT],
] as const

describe.each(DESTINATIONS)('a UDP client of the %s %s (promises 74 to 77)', (_, address, port) => {
  test('gets another endpoint when its own is replaced', async () => {
    await serve(['a1'])
    expect(await ask(cluster.outside, address, port)).toBe('a1')
    await serve(['b1'])
    await answered(cluster.outside, address, port, 'b1')
  })

  test('is refused when the last endpoint goes, and answered when one comes back', async () => {
    await serve(['a1'])
    expect(await ask(cluster.outside, address, port)).toBe('a1')
    await serve([])
    await untilLeft(address, port)
    expect(await ask(cluster.outside, address, port)).toBe('refused')
    await serve(['b1'])
    await answered(cluster.outside, address, port, 'b1')
  })

  test('has no entry left when the Service is deleted', async () => {
    await serve(['a1'])
    expect(await ask(cluster.outside, address, port)).toBe('a1')
    await remove()
    await untilLeft(address, port)
  })

  test('gets the new port of an endpoint whose address is the same', async () => {
    await serve(['a1'])
    expect(await ask(cluster.outside, address, port)).toBe('a1')
    await serve(['a1'], OTHER_TARGET)
    await answered(cluster.outside, address, port, 'a1-other')
  })

  test('is answered although it began before there was a Service', async () => {
    expect(await ask(cluster.outside, address, port)).not.toBe('a1')
    await untilLeft(address, port, `${address} ${port}`)
    await serve(['a1'])
    await answered(cluster.outside, address, port, 'a1')
  })
})

test('a pod that is not masqueraded gets another endpoint, too, also when it was its own', async () => {
  const { a1 } = cluster.pods
  await serve(['a1'])
  expect(await ask(a1, CLUSTER_IP[4], PORT)).toBe('a1')
  await serve(['b1'])
  await answered(a1, CLUSTER_IP[4], PORT, 'b1')
})

test('entries of a port that the Service gave up go, those of its other ports stay', async () => {
  const second: PortManifest = { name: 'second', port: 54, protocol: 'UDP' }
  await serve(['a1'], TARGET, [UDP, second])
  for (const port of [PORT, 54]) expect(await ask(cluster.outside, CLUSTER_IP[4], port)).toBe('a1')
  await serve(['a1'], TARGET, [second])
  await untilLeft(CLUSTER_IP[4], PORT)
  expect(await entriesOf(CLUSTER_IP[4], 54)).toEqual([`${cluster.pods.a1.address} ${TARGET}`])
})

test('an endpoint that only terminates keeps its clients', async () => {
  await serve(['a1'])
  expect(await ask(cluster.outside, CLUSTER_IP[4], PORT)).toBe('a1')
  const endpoint = (pod: PodName, conditions: object) => ({
    addresses: [cluster.pods[pod].address],
    nodeName: nodeOf(pod),
    conditions: { ...conditions },
  })
  const { staleFlowsDeleted } = (await sluice.status()).counts
  const apply = async (ready: PodName, terminating: PodName) =>
    cluster.apply(sluice, 'dns.yaml', [
      service('dns', { clusterIPs: [CLUSTER_IP[4]], ports: [UDP] }),
      endpointSlice('dns', {
        ports: [{ name: 'dns', protocol: 'UDP', port: TARGET }],
        endpoints: [
          endpoint(ready, { ready: true }),
          endpoint(terminating, { ready: false, serving: true, terminating: true }),
        ],
      }),
    ])
  await apply('b1', 'a1')
  expect(await ask(cluster.outside, CLUSTER_IP[4], PORT)).toBe('a1')
  // Each change is cleaned up after before the next one is taken, so that this one shows that the first deleted nothing.
  await apply('a1', 'b1')
  expect((await sluice.status()).counts.staleFlowsDeleted).toBe(staleFlowsDeleted)
  expect(await ask(cluster.outside, CLUSTER_IP[4], PORT)).toBe('a1')
})

test('a TCP connection to an endpoint that is removed lives on (promise 76)', async () => {
  await serve(['a1'])
  const connection = await cluster.outside.connect({ address: CLUSTER_IP[4], port: PORT })
  expect(connection.greeting.name).toBe('a1')
  await serve(['b1'])
  expect(await connection.echo('still there')).toBe('still there')
  await remove()
  expect(await connection.echo('and now')).toBe('and now')
  await connection.close()
})

test('only stale UDP entries of Services go: not TCP, SCTP, other ports or addresses, or other zones', async () => {
  await serve(['a1'])
  const bytes = (address: string) => Uint8Array.from(address.split('.').map(Number))
  const gone = { address: bytes('10.244.2.99'), port: TARGET }
  let clientPort = 50_000
  const entry = (overrides: Partial<Entry> = {}): Entry => ({
    protocol: PROTOCOL.UDP,
    // Answers to one port cannot be told apart, so that the kernel takes only one such entry.
    source: { address: bytes('10.244.1.77'), port: clientPort++ },
    destination: { address: bytes(CLUSTER_IP[4]), port: PORT },
    replySource: gone,
    ...overrides,
  })
  await createFlows(cluster.node1, [
    entry(),
    entry({ protocol: PROTOCOL.TCP }),
    entry({ protocol: PROTOCOL.SCTP }),
    entry({ destination: { address: bytes(CLUSTER_IP[4]), port: 5 } }),
    entry({ destination: { address: bytes('10.96.0.99'), port: PORT } }),
    entry({ zone: 9 }),
  ])
  await serve(['b1'])
  const by = '10.244.2.99 5353'
  await untilLeft(CLUSTER_IP[4], PORT, `${by} in zone 9`)
  expect((await countFlows(cluster.node1, 'TCP')).get(`${CLUSTER_IP[4]} ${PORT} by ${by}`)).toBe(1)
  expect((await countFlows(cluster.node1, 'SCTP')).get(`${CLUSTER_IP[4]} ${PORT} by ${by}`)).toBe(1)
  expect(await entriesOf(CLUSTER_IP[4], 5)).toEqual([by])
  expect(await entriesOf('10.96.0.99', PORT)).toEqual([by])
})

test('what became stale while Sluice did not run is found by the next one', async () => {
  await serve(['a1'])
  expect(await ask(cluster.outside, CLUSTER_IP[4], PORT)).toBe('a1')
  await sluice.stop()
  cluster.manifests.write('dns.yaml', [
    service('dns', { clusterIPs: [CLUSTER_IP[4]], ports: [UDP] }),
    endpointSlice('dns', {
      ports: [{ name: 'dns', protocol: 'UDP', port: TARGET }],
      endpoints: [cluster.pods.b1.address],
    }),
  ])
  sluice = await cluster.sluice({ runDirectory: sluice.runDirectory })
  await answered(cluster.outside, CLUSTER_IP[4], PORT, 'b1')
})

describe('kernel settings (promise 79)', () => {
  const setting = (name: string) =>
    cluster.node2.inNamespace(() => Number(readFileSync(`/proc/sys/net/netfilter/nf_conntrack_${name}`, 'utf8')))
  const settings = () => ['tcp_timeout_established', 'udp_timeout', 'tcp_be_liberal'].map(setting)
  const wanted = [
    '--conntrack-tcp-timeout-established',
    '1h',
    '--conntrack-udp-timeout',
    '45s',
    '--conntrack-tcp-be-liberal',
  ]

  test('are set at the start, what cannot be set is told, and cleanup restores them', async () => {
    const before = settings()
    // Only the first namespace of the machine can change the limit.
    const limit = ['--conntrack-max-per-core', '1', '--conntrack-min', String(setting('max') + 8)]
    const instance = await cluster.sluice({ node: cluster.node2, args: [...wanted, ...limit] })
    await instance.waitFor('the settings', ({ problems }) => problems.length > 0)
    expect(settings()).toEqual([3600, 45, 1])
    const status = await instance.status()
    expect(status.state).toBe('serving')
    expect(status.problems).toMatchObject([{ severity: 'warning', object: 'conntrack' }])
    expect(status.problems[0]?.message).toMatch(/^cannot set .*nf_conntrack_max to \d+: .*\[SYSCTL_WRITE\]$/)
    const place = ['--run-dir', instance.runDirectory, '--instance', 'test']
    await instance.stop('SIGKILL')
    const again = await cluster.sluice({ node: cluster.node2, runDirectory: instance.runDirectory, args: wanted })
    const { stdout } = await cluster.node2.exec(SLUICE, ['cleanup', ...place])
    expect(stdout).toContain(`restored /proc/sys/net/netfilter/nf_conntrack_udp_timeout to ${before[1]}`)
    expect(settings()).toEqual(before)
    expect((await again.ended()).code).toBe(0)
  })

  test('are left alone by --once and --dry-run', async () => {
    const before = settings()
    const command = [
      'file',
      '--input',
      cluster.manifests.path,
      'to-local',
      'to-nft',
      '--node-name',
      'node-2',
      ...wanted,
    ]
    for (const flags of [['--once'], ['--once', '--dry-run']]) await cluster.node2.exec(SLUICE, [...command, ...flags])
    expect(settings()).toEqual(before)
    await cluster.node2.exec(SLUICE, ['cleanup'])
  })
})
