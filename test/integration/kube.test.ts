import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiServer } from '../apiserver/api-server.ts'
import { listenIn } from '../apiserver/listen-in.ts'
import { ALL_KINDS } from '../fixtures/kube-bed.ts'
import { until } from '../lab/index.ts'
import { answerOf, CLUSTER, TestCluster } from '../sluice/cluster.ts'
import { Instance } from '../sluice/instance.ts'
import { endpointSlice, nodeObject, service } from '../sluice/manifests.ts'

const CLUSTER_IP = '10.96.0.40'
const OPTIONS = ['--node-name', 'node-1', '--cluster-cidr', CLUSTER.podCIDRs.join(','), '--min-sync-period', '0s']

let cluster: TestCluster
let api: ApiServer
let sluice: Instance | undefined

beforeAll(async () => {
  cluster = await TestCluster.create()
  for (const name of ['a2', 'b1'] as const) await cluster.pods[name].serve({ protocol: 'http', port: 8080, name })
  api = new ApiServer()
  await listenIn(cluster.node1, api)
  api.set(nodeObject('node-1', CLUSTER.node1))
}, 60_000)

afterAll(async () => {
  await sluice?.dispose()
  await api.close()
  await cluster.dispose()
})

function web(endpoint: string) {
  return [
    service('web', { clusterIPs: [CLUSTER_IP], ports: [{ port: 80 }] }),
    endpointSlice('web', { ports: [{ port: 8080 }], endpoints: [endpoint] }),
  ]
}

async function answer(): Promise<string> {
  return answerOf(await cluster.pods.a1.request({ protocol: 'http', address: CLUSTER_IP, port: 80, timeoutMs: 400 }))
}

async function answers(name: string): Promise<void> {
  await until(async () => (await answer()) === name, { timeoutMs: 20_000, everyMs: 20, what: `an answer of ${name}` })
}

test('packets follow the API server, go on while it is away, and follow it again when it is back', async () => {
  sluice = await Instance.start(cluster.node1, { source: ['kube', '--server', api.url], args: OPTIONS })
  api.set(...web(cluster.pods.a2.address))
  await answers('a2')

  await api.close()
  await sluice.waitFor('the outage told', ({ problems }) => problems.some(({ object }) => object === ALL_KINDS))
  expect(occurrences(sluice.output, 'what was known is still served')).toBe(1)
  expect(await answer()).toBe('a2')

  api.set(...web(cluster.pods.b1.address))
  await listenIn(cluster.node1, api)
  await answers('b1')
  await sluice.waitFor('no problem left', ({ problems }) => problems.length === 0, 40_000)
  expect(occurrences(sluice.output, 'what was known is still served')).toBe(1)
  expect(occurrences(sluice.output, 'the API server answers again after')).toBe(1)
  expect(api.seen('services', 'watch').filter(({ query }) => query.has('sendInitialEvents'))).toHaveLength(1)
  expect(api.seen('services', 'list').filter(({ query }) => query.get('limit') !== '1')).toEqual([])
  expect(await sluice.stop()).toEqual({ code: 0, signal: null })
})

test('Sluice that waits for the API server ends when it is told to', async () => {
  const waiting = Instance.spawn(cluster.node1, { source: ['kube', '--server', 'http://127.0.0.1:9'], args: OPTIONS })
  await until(async () => waiting.output.includes('ECONNREFUSED'), { timeoutMs: 20_000, everyMs: 20, what: 'its log' })
  expect(await waiting.stop()).toEqual({ code: 0, signal: null })
  await waiting.dispose()
})

test('a kubeconfig says who the API server is, and who Sluice is; the token is in no log', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'sluice-kube-'))
  const { cert, key } = await certificate(directory)
  const secure = new ApiServer({ tls: { cert, key, ca: cert, requestCert: true, rejectUnauthorized: true } })
  await listenIn(cluster.node1, secure)
  writeFileSync(path.join(directory, 'token'), 'a-secret-token\n')
  const config = path.join(directory, 'config')
  writeFileSync(config, kubeconfig(secure.url))
  secure.set(...web(cluster.pods.a2.address))
  const args = [...OPTIONS, '--log-level', 'debug']
  const secured = await Instance.start(cluster.node1, { source: ['kube', '--kubeconfig', config], args })
  await answers('a2')
  secure.faults.add({ kind: 'refuse', status: 401 })
  secure.endWatches()
  await secured.waitFor('the refusal', ({ problems }) => problems.some(({ message }) => message.includes('401')))
  expect(new Set(secure.requests.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer a-secret-token']))
  expect(await answer()).toBe('a2')
  expect(secured.output).toContain('the API server answered 401')
  expect(secured.output).not.toContain('a-secret-token')
  await secured.dispose()
  await secure.close()
  rmSync(directory, { recursive: true })
}, 60_000)

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1
}

test('packets follow another API server when the host of one is dead', async () => {
  const [first, second] = [new ApiServer(), new ApiServer()]
  for (const server of [first, second]) {
    await listenIn(cluster.node1, server)
    server.set(nodeObject('node-1', CLUSTER.node1), ...web(cluster.pods.a2.address))
  }
  const source = ['kube', '--server', `${first.url},${second.url}`]
  const failing = await Instance.start(cluster.node1, { source, args: OPTIONS })
  await answers('a2')
  // Nothing comes from it any more, not even a refusal.
  const { port } = new URL(first.url)
  const drops = `tcp sport ${port} drop; tcp dport ${port} drop;`
  const rules = `table inet dead { chain input { type filter hook input priority 0; ${drops} }; }`
  await cluster.node1.exec('nft', [rules])
  for (const server of [first, second]) server.set(...web(cluster.pods.b1.address))
  // 25 s until the connection counts as dead, and 10 s until a new one does.
  await until(async () => (await answer()) === 'b1', { timeoutMs: 90_000, everyMs: 200, what: 'an answer of b1' })
  await cluster.node1.exec('nft', ['delete', 'table', 'inet', 'dead'])
  await failing.dispose()
  await first.close()
  await second.close()
}, 120_000)

/** One that is its own authority, for 127.0.0.1. */
async function certificate(directory: string): Promise<{ cert: Buffer; key: Buffer }> {
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const subject = ['-subj', '/CN=kubernetes', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', path.join(directory, 'key.pem'), '-out', path.join(directory, 'cert.pem')]
  await cluster.node1.exec('openssl', ['req', ...kind, ...subject, ...files])
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => readFileSync(path.join(directory, name)))
  if (cert === undefined || key === undefined) throw new Error('openssl made no certificate')
  return { cert, key }
}

function kubeconfig(server: string): string {
  return `
current-context: test
contexts: [{ name: test, context: { cluster: test, user: sluice } }]
clusters: [{ name: test, cluster: { server: '${server}', certificate-authority: cert.pem } }]
users: [{ name: sluice, user: { client-certificate: cert.pem, client-key: key.pem, tokenFile: token } }]
`
}
