import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../lab/index.ts'
import { CLUSTER, TestCluster } from '../sluice/cluster.ts'
import { countTables, type Instance } from '../sluice/instance.ts'
import { endpointSlice, service } from '../sluice/manifests.ts'
import { SLUICE } from '../sluice/process.ts'

const run = promisify(execFile)
const CLUSTER_IP = '10.96.0.10'
const WEB = service('web', { clusterIPs: [CLUSTER_IP], ports: [{ name: 'http', port: 80 }] })
const slice = (...endpoints: string[]) => endpointSlice('web', { ports: [{ name: 'http', port: 8080 }], endpoints })

let cluster: TestCluster
let sluice: Instance

beforeEach(async () => {
  cluster = await TestCluster.create()
  const { a1, a2 } = cluster.pods
  for (const pod of [a1, a2]) await pod.serve({ protocol: 'http', port: 8080, name: pod.name })
  await a2.serve({ protocol: 'tcp', port: 8081, name: 'a2' })
  cluster.manifests.write('web.yaml', [WEB, slice(a1.address, a2.address)])
  sluice = await cluster.sluice()
}, 60_000)

afterEach(async () => {
  await cluster.dispose()
})

async function listing(): Promise<string> {
  return (await cluster.node1.exec('nft', ['list', 'ruleset'])).stdout
}

test('an endpoint that goes gets no new connection, and one that comes gets its share', async () => {
  const { a1, a2, b1 } = cluster.pods
  await cluster.apply(sluice, 'web.yaml', [WEB, slice(a1.address)])
  const alone = await b1.requests({ protocol: 'http', address: CLUSTER_IP, port: 80, count: 1, timeoutMs: 300 })
  // node 2 has no Sluice: this only shows that the requests below are answered by node 1's rules.
  expect(alone[0]?.verdict).not.toBe('answered')
  const before = await a2.requests({ protocol: 'http', address: CLUSTER_IP, port: 80, count: 20 })
  expect(new Set(before.map((r) => r.verdict === 'answered' && r.name))).toEqual(new Set(['a1']))
  await cluster.apply(sluice, 'web.yaml', [WEB, slice(a1.address, a2.address)])
  const after = await a2.requests({ protocol: 'http', address: CLUSTER_IP, port: 80, count: 40 })
  expect(new Set(after.map((r) => r.verdict === 'answered' && r.name))).toEqual(new Set(['a1', 'a2']))
})

test('the last endpoint that goes leaves a refusal, and a deleted Service leaves nothing', async () => {
  const { a1, a2 } = cluster.pods
  await cluster.apply(sluice, 'web.yaml', [WEB, slice()])
  expect((await a1.request({ protocol: 'tcp', address: CLUSTER_IP, port: 80 })).verdict).toBe('refused')
  await cluster.apply(sluice, 'web.yaml', [WEB, slice(a2.address)])
  expect((await a1.request({ protocol: 'http', address: CLUSTER_IP, port: 80 })).verdict).toBe('answered')
  await cluster.apply(sluice, 'web.yaml', [])
  expect((await a1.request({ protocol: 'tcp', address: CLUSTER_IP, port: 80, timeoutMs: 300 })).verdict).not.toBe(
    'answered',
  )
  expect(await listing()).not.toContain(CLUSTER_IP)
})

test('a restart changes nothing in the kernel and interrupts no connection', async () => {
  await cluster.apply(sluice, 'web.yaml', [
    service('web', {
      clusterIPs: [CLUSTER_IP],
      ports: [
        { name: 'http', port: 80 },
        { name: 'tcp', port: 81 },
      ],
    }),
    endpointSlice('web', {
      ports: [
        { name: 'http', port: 8080 },
        { name: 'tcp', port: 8081 },
      ],
      endpoints: [cluster.pods.a2.address],
    }),
  ])
  const connection = await cluster.pods.a1.connect({ address: CLUSTER_IP, port: 81 })
  const load = await cluster.pods.a1.load({ protocol: 'http', address: CLUSTER_IP, port: 80, perSecond: 200 })
  const before = await listing()
  expect(await sluice.stop('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' })
  expect(await listing()).toBe(before)
  const next = await cluster.sluice({ runDirectory: sluice.runDirectory })
  expect((await next.status()).counts.transactions).toBe(0)
  expect(await listing()).toBe(before)
  expect(await connection.echo('still here')).toBe('still here')
  await until(async () => (await load.report()).sent > 100)
  const report = await load.stop()
  expect(report.failures).toEqual([])
})

test('killed and started again five times under 2,000 connections a second, it fails none of them (promise 92)', async () => {
  const perClient = 1000
  const clients = [cluster.pods.a1, cluster.outside]
  await cluster.outside.route(`${CLUSTER_IP}/32`, CLUSTER.node1[0])
  await cluster.apply(sluice, 'web.yaml', [
    service('web', { clusterIPs: [CLUSTER_IP], ports: [{ name: 'tcp', port: 81 }] }),
    endpointSlice('web', { ports: [{ name: 'tcp', port: 8081 }], endpoints: [cluster.pods.a2.address] }),
  ])
  // What takes long on a busy machine is not lost, nor may it overflow the server's backlog: only a refusal, or silence, is a
  // failure.
  const patient = { timeoutMs: 20_000, maxPending: 200 }
  const spec = { protocol: 'tcp', address: CLUSTER_IP, port: 81, perSecond: perClient, ...patient } as const
  const started = performance.now()
  const loads = await Promise.all(clients.map(async (client) => client.load(spec)))
  let running = sluice
  for (let i = 0; i < 5; i++) {
    await delay(300)
    await running.stop('SIGKILL')
    running = await cluster.sluice({ runDirectory: sluice.runDirectory })
    expect((await running.status()).counts.transactions).toBe(0)
  }
  const reports = await Promise.all(loads.map(async (load) => load.stop()))
  const seconds = (performance.now() - started) / 1000
  const sent = reports.reduce((sum, report) => sum + report.sent, 0)
  console.log(`restarts: ${sent} connections, ${Math.round(sent / seconds)} a second`)
  expect(reports.flatMap(({ failures }) => failures).slice(0, 3)).toEqual([])
  expect(sent).toBeGreaterThan(2000)
}, 120_000)

test('what changed while Sluice was away is the only thing that is programmed', async () => {
  await sluice.stop()
  cluster.manifests.write('web.yaml', [WEB, slice(cluster.pods.a2.address)])
  const next = await cluster.sluice({ runDirectory: sluice.runDirectory })
  expect((await next.status()).counts.transactions).toBe(1)
  const results = await cluster.pods.a1.requests({ protocol: 'http', address: CLUSTER_IP, port: 80, count: 20 })
  expect(new Set(results.map((r) => r.verdict === 'answered' && r.name))).toEqual(new Set(['a2']))
})

test.each([
  ['the table deleted', ['delete', 'table', 'ip', 'sluice']],
  ['everything flushed', ['flush', 'ruleset']],
  ['a chain flushed', ['flush', 'chain', 'ip', 'sluice', 'services']],
  ['a map flushed', ['flush', 'map', 'ip', 'sluice', 'endpoints']],
  ['a rule added', ['add', 'rule', 'ip', 'sluice', 'prerouting', 'drop']],
  ['a chain added', ['add', 'chain', 'ip', 'sluice', 'mine']],
  [
    'a hooked chain added',
    ['add', 'chain', 'ip', 'sluice', 'mine', '{ type filter hook input priority 0; policy drop; }'],
  ],
  ['an element added', ['add', 'element', 'ip', 'sluice', 'cluster-ips', '{ 10.96.99.99 }']],
])('drift is repaired: %s by somebody else', async (_, command) => {
  const before = (await listing()).split('\n').sort()
  await cluster.node1.exec('nft', command)
  await sluice.waitFor('the repair', ({ counts }) => counts.driftRepaired > 0)
  expect((await listing()).split('\n').sort()).toEqual(before)
  const result = await cluster.pods.a1.request({ protocol: 'http', address: CLUSTER_IP, port: 80 })
  expect(result.verdict).toBe('answered')
})

test('foreign tables are not touched, and their changes disturb nothing', async () => {
  await cluster.node1.exec('nft', ['-f', '-'], { input: 'table inet theirs { chain c { tcp dport 1 accept; }\n }\n' })
  await cluster.apply(sluice, 'web.yaml', [WEB, slice(cluster.pods.a1.address)])
  const { counts, lastError } = await sluice.status()
  expect(counts.driftRepaired).toBe(0)
  expect(lastError).toBe('')
  const place = ['--run-dir', sluice.runDirectory, '--instance', 'test']
  const { stdout } = await cluster.node1.exec(SLUICE, ['cleanup', ...place])
  expect(stdout).toContain('stopped instance "test"')
  expect((await sluice.ended()).code).toBe(0)
  expect(await listing()).toContain('table inet theirs')
  expect(await listing()).not.toContain('sluice')
  expect(await countTables(cluster.node1)).toEqual({ chains: 0, rules: 0, sets: 0 })
})

test('SIGTERM ends it with 0 and leaves the rules', async () => {
  expect(await sluice.stop('SIGTERM')).toEqual({ code: 0, signal: null })
  const result = await cluster.pods.a1.request({ protocol: 'http', address: CLUSTER_IP, port: 80 })
  expect(result.verdict).toBe('answered')
})

test('a second start of the same instance is refused', async () => {
  const args = [
    'file',
    '--input',
    cluster.manifests.path,
    'to-local',
    'to-nft',
    '--run-dir',
    sluice.runDirectory,
    '--instance',
    'test',
  ]
  const second = await cluster.node1.exec(SLUICE, args, { allowFailure: true })
  expect(second.code).toBe(5)
  expect(second.stderr).toContain('instance "test" is running already')
})

test('status tells people and programs', async () => {
  const place = ['--run-dir', sluice.runDirectory, '--instance', 'test']
  const { stdout } = await run(SLUICE, ['status', ...place])
  expect(stdout).toContain('1 virtual servers, 2 endpoints')
  const { stdout: json } = await run(SLUICE, ['status', '--json', ...place])
  expect(JSON.parse(json)).toMatchObject({ state: 'serving', counts: { services: 1, virtualServers: 1, endpoints: 2 } })
})

test('a pod is masqueraded on its way to a cluster IP only with --masquerade-all', async () => {
  const { a1, a2 } = cluster.pods
  await cluster.apply(sluice, 'web.yaml', [WEB, slice(a2.address)])
  const ask = async () => {
    const result = await a1.request({ protocol: 'http', address: CLUSTER_IP, port: 80 })
    return result.verdict === 'answered' ? result.client : result.verdict
  }
  expect(await ask()).toBe(a1.address)
  await sluice.stop()
  await cluster.sluice({ runDirectory: sluice.runDirectory, args: ['--masquerade-all'] })
  expect(await ask()).not.toBe(a1.address)
  expect(await ask()).not.toBe('timeout')
})

test('node ports follow the addresses of the node', async () => {
  await cluster.apply(sluice, 'web.yaml', [
    service('web', {
      type: 'NodePort',
      clusterIPs: [CLUSTER_IP],
      ports: [{ name: 'http', port: 80, nodePort: 30080 }],
    }),
    slice(cluster.pods.a1.address),
  ])
  await sluice.stop()
  await cluster.sluice({ runDirectory: sluice.runDirectory, args: ['--nodeport-addresses', '192.168.60.0/24'] })
  await cluster.outside.route('192.168.60.0/24', '192.168.50.11')
  const spec = { protocol: 'http', address: '192.168.60.1', port: 30080, timeoutMs: 500 } as const
  expect((await cluster.outside.request(spec)).verdict).not.toBe('answered')
  await cluster.node1.ip('addr add 192.168.60.1/24 dev eth0')
  await until(async () => (await cluster.outside.request(spec)).verdict === 'answered')
})
