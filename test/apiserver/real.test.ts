import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { serviceKey } from '../../src/model/service.ts'
import type { ReflectorCounts } from '../../src/sources/kube/counts.ts'
import { findApiServer } from '../../src/sources/kube/find-api-server.ts'
import { KubeSource } from '../../src/sources/kube/kube-source.ts'
import { DEFAULT_TIMING } from '../../src/sources/kube/timing.ts'
import { Store } from '../../src/store/store.ts'
import { until } from '../lab/index.ts'
import { SLUICE } from '../sluice/instance.ts'
import { endpointSlice, type Manifest, nodeObject, service } from '../sluice/manifests.ts'
import { Gate } from './gate.ts'
import { RealApiServer, reasonWithoutReal } from './real.ts'

const reason = reasonWithoutReal()
const name = reason === undefined ? 'a real API server' : `a real API server (left out: ${reason})`

const ACCOUNT = { namespace: 'kube-system', name: 'sluice' }
const SERVICES = '/api/v1/namespaces/default/services'
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'
const ROLES = '/apis/rbac.authorization.k8s.io/v1/clusterroles'
const BINDINGS = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'
const KINDS = ['Service', 'EndpointSlice', 'Node', 'ServiceCIDR'] as const

/** The role that users install. */
const ROLE_FILE = new URL('../../deploy/base/cluster-role.yaml', import.meta.url)
const TIMING = { ...DEFAULT_TIMING, retryMs: [50, 500] } as const

function web(clusterIP: string, named = 'web'): Manifest {
  const spec = { ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' }
  return service(named, { clusterIPs: [clusterIP], ports: [{ port: 80 }], spec })
}

function slice(address: string): Manifest {
  return endpointSlice('web', { ports: [{ port: 8080 }], endpoints: [address] })
}

function roleDocuments(): Manifest[] {
  return parseAllDocuments(readFileSync(ROLE_FILE, 'utf8')).map((document) => document.toJS() as Manifest)
}

describe.skipIf(reason !== undefined)(name, { timeout: 120_000 }, () => {
  let real: RealApiServer
  let gate: Gate
  /** A pod's service account, as kubelet puts it there. */
  let folder = ''
  let token = ''
  const sources: KubeSource[] = []

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'sluice-real-'))
    real = await RealApiServer.start()
    gate = new Gate(Number(new URL(real.url).port))
    await gate.open()
    const { namespace, name: account } = ACCOUNT
    const isThere = async () => (await real.request('GET', `/api/v1/namespaces/${namespace}`)).status === 200
    await until(isThere, { timeoutMs: 30_000, everyMs: 50, what: namespace })
    await real.must('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: ACCOUNT,
    })
    token = await real.tokenOf(namespace, account)
    writeFileSync(path.join(folder, 'token'), token)
    writeFileSync(path.join(folder, 'ca.crt'), real.ca)
    await real.must('POST', '/api/v1/nodes', nodeObject('node-1', ['192.168.50.11']))
    await real.must('POST', '/api/v1/nodes', nodeObject('node-2', ['192.168.50.12']))
  }, 180_000)

  afterAll(async () => {
    await Promise.all(sources.map(async (source) => source.close()))
    await gate.shut()
    await real.dispose()
    rmSync(folder, { recursive: true, force: true })
  }, 60_000)

  /** As a pod finds it: by its environment and its service account. */
  async function open(): Promise<{ source: KubeSource; store: Store }> {
    const store = new Store()
    const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(gate.port) }
    const unset = { servers: [], kubeconfig: undefined, context: undefined, tlsServerName: undefined }
    const server = await findApiServer({ ...unset, environment, serviceAccount: folder })
    if (server === undefined) throw new Error('a pod finds no API server')
    const source = new KubeSource({ store, server, nodeName: 'node-1', timing: TIMING })
    sources.push(source)
    return { source, store }
  }

  const addressOf = (store: Store) => store.service(serviceKey('default', 'web'))?.clusterIPs[0]

  async function eventually(what: string, check: () => boolean): Promise<void> {
    await until(async () => check(), { timeoutMs: 60_000, everyMs: 5, what })
  }

  function sums(source: KubeSource, count: (counts: ReflectorCounts) => number): number[] {
    return KINDS.map((kind) => source.counts().find((one) => one.kind === kind)).map((one) => (one ? count(one) : -1))
  }

  test('refuses without the role and says so; with it all comes', async () => {
    const { source, store } = await open()
    const started = source.start()
    await eventually('403', () => source.problems().some(({ message }) => message.includes('403')))
    expect(store.synced).toBe(false)
    const [role, binding] = roleDocuments()
    await real.must('POST', ROLES, role)
    await real.must('POST', BINDINGS, binding)
    await started
    await eventually('no problem', () => source.problems().length === 0)
    expect(store.counts).toMatchObject({ nodes: 1 })
    // The Service "kubernetes", and the ServiceCIDR of the same name, are the API server's own.
    expect(store.service(serviceKey('default', 'kubernetes'))?.clusterIPs).toEqual(['10.96.0.1'])
    await eventually('the ranges', () => store.serviceCIDRs().length > 0)
    await source.close()
  })

  test('gives one list of each kind, as a watch, and then tells what changes', async () => {
    const { source, store } = await open()
    await source.start()
    await real.must('POST', SERVICES, web('10.96.0.40'))
    await real.must('POST', SLICES, slice('10.244.0.1'))
    await eventually('the Service', () => addressOf(store) === '10.96.0.40')
    const endpoints = () => [...store.endpointSlices(serviceKey('default', 'web'))].flatMap((one) => one.endpoints)
    await eventually('the endpoint', () => endpoints().length === 1)
    const merge = 'application/merge-patch+json'
    const ingress = { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } }
    await real.must('PATCH', `${SERVICES}/web`, { spec: { type: 'LoadBalancer' } }, merge)
    await real.must('PATCH', `${SERVICES}/web/status`, ingress, merge)
    const seen = () => store.service(serviceKey('default', 'web'))?.loadBalancerIPs ?? []
    await eventually('the status', () => seen().length === 1)
    await real.must('DELETE', `${SLICES}/web-ipv4`)
    await eventually('no endpoint', () => endpoints().length === 0)
    expect(sums(source, ({ lists }) => lists)).toEqual([1, 1, 1, 1])
    // A list that came as pages would be followed by another request, a watch.
    expect(sums(source, ({ watches }) => watches)).toEqual([1, 1, 1, 1])
    await source.close()
  })

  test('lets watches go on where they were, when it was away', async () => {
    const { source, store } = await open()
    await source.start()
    await gate.shut()
    await real.must('DELETE', `${SERVICES}/web`)
    await real.must('POST', SERVICES, web('10.96.0.41'))
    await gate.open()
    await eventually('the other Service', () => addressOf(store) === '10.96.0.41')
    await eventually('all watches', () => sums(source, ({ resumes }) => resumes).every((resumes) => resumes > 0))
    expect(sums(source, ({ lists }) => lists)).toEqual([1, 1, 1, 1])
    await source.close()
  })

  test('is listed anew when it has forgotten where watches were', async () => {
    const { source, store } = await open()
    await source.start()
    await gate.shut()
    await real.must('DELETE', `${SERVICES}/web`)
    await real.must('POST', SERVICES, web('10.96.0.42', 'other'))
    await real.stopServer()
    await real.compact()
    await real.startServer()
    await gate.open()
    await eventually('the other Service', () => store.service(serviceKey('default', 'other')) !== undefined)
    expect(addressOf(store)).toBeUndefined()
    const [services] = source.counts()
    expect(services?.relists).toEqual({ expired: 1, ahead: 0, continuation: 0 })
    await source.close()
  })

  test('feeds the program as users run it, by a kubeconfig with a token', async () => {
    const config = path.join(folder, 'config')
    const ca = real.ca.toString('base64')
    const server = { server: real.url, 'certificate-authority-data': ca }
    const contexts = [{ name: 'test', context: { cluster: 'test', user: 'sluice' } }]
    const clusters = [{ name: 'test', cluster: server }]
    const users = [{ name: 'sluice', user: { token } }]
    writeFileSync(config, JSON.stringify({ 'current-context': 'test', contexts, clusters, users }))
    const words = ['kube', 'to-local', 'to-nft', '--kubeconfig', config, '--node-name', 'node-1', '--dry-run', '--once']
    const { stdout } = await promisify(execFile)(SLUICE, words)
    expect(stdout).toContain('default/other')
    expect(stdout).toContain('10.96.0.42')
  })
})
