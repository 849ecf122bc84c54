import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { askInstance } from '../../src/observe/control-socket.ts'
import type { Status } from '../../src/observe/status.ts'
import { type Namespace, until } from '../lab/index.ts'
import { answerOf, TestCluster } from '../sluice/cluster.ts'
import { type Instance, SLUICE } from '../sluice/instance.ts'
import { endpointSlice, service } from '../sluice/manifests.ts'

const CLUSTER_IP = '10.96.0.40'
const PATIENCE = { timeoutMs: 30_000, everyMs: 20 }

let cluster: TestCluster
let directory: string
const servers: ApiServer[] = []
const agents: Instance[] = []

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-api-'))
  cluster = await TestCluster.create()
  for (const name of ['a2', 'b1'] as const) await cluster.pods[name].serve({ protocol: 'http', port: 8080, name })
  makeCertificates()
  cluster.manifests.write('web.yaml', web(cluster.pods.a2.address))
}, 120_000)

afterEach(async () => {
  await Promise.all(agents.splice(0).map(async (agent) => agent.dispose()))
  await Promise.all(servers.splice(0).map(async (server) => server.stop('SIGKILL')))
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

/** A `sluice ... to-api` process. */
class ApiServer {
  readonly #run: string
  readonly #child
  readonly #ended: Promise<unknown>
  output = ''

  constructor(namespace: Namespace, args: readonly string[]) {
    this.#run = mkdtempSync(path.join(directory, 'run-'))
    this.#child = namespace.spawn(SLUICE, [...args, '--run-dir', this.#run], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString()
      })
    }
    this.#ended = new Promise((resolve) => this.#child.once('close', (code) => resolve(code)))
    servers.push(this)
  }

  async status(): Promise<Status | undefined> {
    return askInstance(this.#run, 'api', 'GET', '/status').then(
      (text) => JSON.parse(text) as Status,
      () => undefined,
    )
  }

  async serving(): Promise<this> {
    const isServing = async () => {
      if (this.#child.exitCode !== null) throw new Error(`the server ended:\n${this.output}`)
      return (await this.status())?.state === 'serving'
    }
    await until(isServing, { ...PATIENCE, what: 'the server serving' })
    return this
  }

  async stop(signal: NodeJS.Signals): Promise<unknown> {
    this.#child.kill(signal)
    return this.#ended
  }

  async ended(): Promise<unknown> {
    return this.#ended
  }
}

/** A server of the test's manifests in the node's namespace. */
async function fileToApi(...args: string[]): Promise<ApiServer> {
  return new ApiServer(cluster.node1, ['file', 'to-api', '--input', cluster.manifests.path, ...args]).serving()
}

async function agent(source: readonly string[]): Promise<Instance> {
  const made = await cluster.sluice({ source: source })
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

/** A CA, and certificates of a server at 127.0.0.1 and of a client. */
function makeCertificates(): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', file('ca.crt'), '-subj', '/CN=ca', '-days', '2')
  for (const name of ['server', 'client']) {
    const names = ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
    const signed = ['-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-days', '2']
    const out = ['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)]
    openssl('req', '-x509', ...key, ...out, '-subj', `/CN=${name}`, ...names, ...signed)
  }
}

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
  await new ApiServer(cluster.node1, ['api', 'to-api', '--listen', '127.0.0.1:12091']).serving()
  await agent(['api', '--api', '127.0.0.1:12091'])
  await answers('a2')
  cluster.manifests.write('web.yaml', web(cluster.pods.b1.address))
  await answers('b1')
}, 90_000)

test('while the server is away packets go on; when it is back with the same state, nothing is written', async () => {
  cluster.manifests.write('web.yaml', web(cluster.pods.a2.address))
  const server = await fileToApi()
  const sluice = await agent(['local'])
  await answers('a2')
  const before = (await sluice.status()).counts.transactions
  await server.stop('SIGKILL')
  await sluice.waitFor('the outage told', ({ problems }) => problems.some(({ object }) => object === ''), 30_000)
  expect(await answer()).toBe('a2')
  await fileToApi()
  const back = await sluice.waitFor('no problem', ({ problems }) => problems.length === 0, 60_000)
  expect(back.counts.transactions).toBe(before)
  cluster.manifests.write('web.yaml', web(cluster.pods.b1.address))
  await answers('b1')
  expect((await sluice.status()).counts.transactions).toBe(before + 1)
}, 150_000)

test.each([
  ['a key without its certificate', ['--listen-tls-key', 'server.key'], /--listen-tls-crt is missing/],
  [
    'a certificate that is none',
    ['--listen-tls-key', 'server.key', '--listen-tls-crt', 'ca.key'],
    /no certificate in PEM/,
  ],
  ['a file that is not there', ['--listen-tls-key', 'none.key', '--listen-tls-crt', 'server.crt'], /none\.key/],
  ['an address that others can reach', ['--listen', '0.0.0.0:12090'], /--listen-insecure/],
])('a server does not start with %s', async (_, args, reason) => {
  const server = new ApiServer(cluster.node1, [
    'file',
    'to-api',
    '--input',
    cluster.manifests.path,
    ...inDirectory(args),
  ])
  expect(await server.ended()).toBe(2)
  expect(server.output).toMatch(reason)
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
