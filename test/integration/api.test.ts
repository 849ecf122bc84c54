import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Status } from '../../src/observe/status.ts'
import { until } from '../lab/index.ts'
import { writeApiCertificates } from '../sluice/api-certificates.ts'
import { answerOf, TestCluster } from '../sluice/cluster.ts'
import type { Instance } from '../sluice/instance.ts'
import { endpointSlice, manyServices, service } from '../sluice/manifests.ts'
import { SLUICE } from '../sluice/process.ts'
import { ToApi } from '../sluice/to-api.ts'

const CLUSTER_IP = '10.96.0.40'
const PATIENCE = { timeoutMs: 30_000, everyMs: 20 }

let cluster: TestCluster
let directory: string
const servers: ToApi[] = []
const agents: Instance[] = []

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-api-'))
  cluster = await TestCluster.create()
  for (const name of ['a2', 'b1'] as const) await cluster.pods[name].serve({ protocol: 'http', port: 8080, name })
  writeApiCertificates(directory)
  cluster.manifests.write('web.yaml', web(cluster.pods.a2.address))
}, 120_000)

afterEach(async () => {
  await Promise.all(agents.splice(0).map(async (agent) => agent.dispose()))
  await Promise.all(servers.splice(0).map(async (made) => made.dispose()))
})

afterAll(async () => {
  await cluster.dispose()
  rmSync(directory, { recursive: true, force: true })
})

function web(endpoint: string) {
  return [
    service('web', { clusterIPs: [CLUSTER_IP], ports: [{ port: 80 }] }),
    endpointSlice('web', { ports: [{ port: 8080 }], endpoints: [endpoint] }),
  ]
}

/** A server of the test's manifests in the node's namespace. */
async function fileToApi(...args: string[]): Promise<ToApi> {
  return server(['file', '--input', cluster.manifests.path], args).serving()
}

function server(source: readonly string[], args: readonly string[]): ToApi {
  const made = ToApi.spawn(cluster.node1, source, args)
  servers.push(made)
  return made
}

async function agent(source: readonly string[], options: Parameters<TestCluster['sluice']>[0] = {}): Promise<Instance> {
  const made = await cluster.sluice({ source, ...options })
  agents.push(made)
  return made
}

async function answer(): Promise<string> {
  return answerOf(await cluster.pods.a1.request({ protocol: 'http', address: CLUSTER_IP, port: 80, timeoutMs: 400 }))
}

async function answers(name: string): Promise<void> {
  await until(async () => (await answer()) === name, { ...PATIENCE, what: `an answer of ${name}` })
}

const file = (name: string) => path.join(directory, name)

const SERVER_TLS = ['--listen-tls-key', 'server.key', '--listen-tls-crt', 'server.crt']
const CLIENT_TLS = ['--api-client-tls-key', 'client.key', '--api-client-tls-crt', 'client.crt']
const CLIENT_CA = ['--api-client-tls-ca', 'ca.crt']
const inDirectory = (args: readonly string[]) => args.map((arg) => (/^\w+\.(key|crt)$/.test(arg) ? file(arg) : arg))

test.each([
  ['tcp', [], []],
  ['a unix socket', ['--listen', 'unix://SOCKET'], ['--api', 'unix://SOCKET']],
  ['TLS of the server alone', SERVER_TLS, CLIENT_CA],
  ['TLS of both', [...SERVER_TLS, '--listen-tls-ca', 'ca.crt'], [...CLIENT_TLS, ...CLIENT_CA]],
])(
  'packets follow what a server in another process tells, over %s',
  async (_, serverArgs, clientArgs) => {
    const place = (args: readonly string[]) => inDirectory(args).map((arg) => arg.replace('SOCKET', file('api.sock')))
    cluster.manifests.write('web.yaml', web(cluster.pods.a2.address))
    await fileToApi(...place(serverArgs))
    await agent(['local', ...place(clientArgs)])
    await answers('a2')
    cluster.manifests.write('web.yaml', web(cluster.pods.b1.address))
    await answers('b1')
  },
  90_000,
)

test('a relay tells what another server tells it, and an agent makes its own state of the global one', async () => {
  cluster.manifests.write('web.yaml', web(cluster.pods.a2.address))
  await fileToApi()
  await server(['api'], ['--listen', '127.0.0.1:12091']).serving()
  await agent(['api', '--api', '127.0.0.1:12091'])
  await answers('a2')
  cluster.manifests.write('web.yaml', web(cluster.pods.b1.address))
  await answers('b1')
}, 90_000)

test('while the server is away packets go on; when it is back with the same state, nothing is written', async () => {
  cluster.manifests.write('web.yaml', web(cluster.pods.a2.address))
  const first = await fileToApi()
  const sluice = await agent(['local'])
  await answers('a2')
  const before = (await sluice.status()).counts.transactions
  await first.stop('SIGKILL')
  await sluice.waitFor('the outage told', ({ problems }) => problems.some(({ object }) => object === ''), 30_000)
  expect(await answer()).toBe('a2')
  await fileToApi()
  const back = await sluice.waitFor('no problem', ({ problems }) => problems.length === 0, 60_000)
  expect(back.counts.transactions).toBe(before)
  cluster.manifests.write('web.yaml', web(cluster.pods.b1.address))
  await answers('b1')
  expect((await sluice.status()).counts.transactions).toBe(before + 1)
}, 150_000)

test('servers die under load: clients on two nodes come to the new state with what differs, and no connection fails', async () => {
  const some = [...manyServices(200, 5)]
  cluster.manifests.write('web.yaml', [...web(cluster.pods.a2.address), ...some])
  const socket = `unix://${file('restarts.sock')}`
  let running = await fileToApi('--listen', socket)
  const clients = await Promise.all([
    agent(['local', '--api', socket]),
    agent(['local', '--api', socket], { node: cluster.node2, args: ['--node-name', 'node-2'] }),
  ])
  await answers('a2')
  const load = await cluster.pods.a1.load({
    protocol: 'http',
    address: CLUSTER_IP,
    port: 80,
    perSecond: 100,
    timeoutMs: 5000,
  })
  const transactions = () => Promise.all(clients.map(async (client) => (await client.status()).counts.transactions))
  const before = await transactions()
  for (const removed of [0, 0, 10]) {
    await running.stop('SIGKILL')
    await Promise.all(
      clients.map((client) => client.waitFor('the outage', ({ problems }) => problems.length > 0, 60_000)),
    )
    cluster.manifests.write('web.yaml', [...web(cluster.pods.a2.address), ...some.slice(2 * removed)])
    running = await fileToApi('--listen', socket)
    const servers = 201 - removed
    await Promise.all(
      clients.map((client) => {
        const isThere = ({ problems, counts }: Status) => problems.length === 0 && counts.virtualServers === servers
        return client.waitFor('the state of the new server', isThere, 60_000)
      }),
    )
    // One transaction for all that is gone, and none where nothing is.
    expect(await transactions()).toEqual(before.map((count) => (removed === 0 ? count : count + 1)))
  }
  const { sent, failures } = await load.stop()
  expect(sent).toBeGreaterThan(100)
  expect(failures).toEqual([])
}, 240_000)

test.each([
  ['a key without its certificate', ['--listen-tls-key', 'server.key'], /--listen-tls-crt is missing/],
  [
    'a certificate that is none',
    ['--listen-tls-key', 'server.key', '--listen-tls-crt', 'client.key'],
    /no certificate in PEM/,
  ],
  ['a file that is not there', ['--listen-tls-key', 'none.key', '--listen-tls-crt', 'server.crt'], /none\.key/],
  ['an address that others can reach', ['--listen', '0.0.0.0:12090'], /--listen-insecure/],
])('a server does not start with %s', async (_, args, reason) => {
  const refused = server(['file', '--input', cluster.manifests.path], inDirectory(args))
  expect(await refused.ended()).toEqual({ code: 2, signal: null })
  expect(refused.output).toMatch(reason)
})

test('a client without a certificate is not told anything where one is needed', async () => {
  await fileToApi(...inDirectory([...SERVER_TLS, '--listen-tls-ca', 'ca.crt']))
  const args = ['local', 'to-nft', '--dry-run', '--once', '--node-name', 'node-1', ...inDirectory(CLIENT_CA)]
  const child = cluster.node1.spawn(SLUICE, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  await until(() => output.includes('it is tried again'), { ...PATIENCE, what: 'a refusal' })
  expect(child.exitCode).toBeNull()
  child.kill()
})
