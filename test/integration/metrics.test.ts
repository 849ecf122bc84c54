import { afterEach, beforeEach, expect, test } from 'vitest'
import { ApiServer } from '../apiserver/api-server.ts'
import { listenIn } from '../apiserver/listen-in.ts'
import { parseMetrics, type Scrape, valueOf } from '../fixtures/metrics-text.ts'
import { until } from '../lab/index.ts'
import { ask } from '../sluice/ask.ts'
import { CLUSTER, TestCluster } from '../sluice/cluster.ts'
import { Instance } from '../sluice/instance.ts'
import { endpointSlice, type Manifest, nodeObject, service } from '../sluice/manifests.ts'

const URL = 'http://127.0.0.1:10249'
const OPTIONS = ['--node-name', 'node-1', '--cluster-cidr', CLUSTER.podCIDRs.join(','), '--min-sync-period', '0s']
const IPV4 = { ip_family: 'IPv4' }
const KUBE = 'kubeproxy_sync_proxy_rules'
const [CLUSTER_IP, OTHER_IP] = ['10.96.0.40', '10.96.0.41']

let cluster: TestCluster
let api: ApiServer
let running: Instance[]

beforeEach(async () => {
  running = []
  cluster = await TestCluster.create()
  api = new ApiServer()
  // The socket is made in the node's namespace, and stays there.
  await listenIn(cluster.node1, api)
  api.set(nodeObject('node-1', CLUSTER.node1), ...web('10.244.1.1'))
})

afterEach(async () => {
  for (const instance of running) await instance.dispose()
  await api.close()
  await cluster.dispose()
})

function web(endpoint: string, annotations: Readonly<Record<string, string>> = {}): Manifest[] {
  return [
    service('web', { clusterIPs: [CLUSTER_IP], ports: [{ port: 80 }] }),
    endpointSlice('web', { ports: [{ port: 8080 }], endpoints: [endpoint], annotations }),
  ]
}

async function start(...args: string[]): Promise<Instance> {
  const source = ['kube', '--server', api.url]
  const instance = await Instance.start(cluster.node1, { source, args: [...OPTIONS, ...args] })
  running.push(instance)
  return instance
}

async function get(path: string): Promise<string> {
  const answer = await ask(cluster.node1, `${URL}${path}`)
  if (typeof answer === 'string') throw new Error(answer)
  expect(answer.status).toBe(200)
  return answer.body
}

async function scrape(): Promise<Scrape> {
  return parseMetrics(await get('/metrics'))
}

/** Scrapes until it is so. */
async function scraped(what: string, isSo: (seen: Scrape) => boolean): Promise<Scrape> {
  const look = async () => {
    const seen = await scrape()
    return isSo(seen) ? seen : undefined
  }
  return until(look, { timeoutMs: 20_000, everyMs: 50, what })
}

test('metrics follow what happens in the cluster and in the kernel', async () => {
  const sluice = await start('--no-events')
  const first = await scrape()
  expect(valueOf(first, `${KUBE}_service_changes_total`)).toBe(1)
  expect(valueOf(first, `${KUBE}_endpoint_changes_total`)).toBe(1)
  expect(valueOf(first, `${KUBE}_duration_seconds`, IPV4, '_count')).toBe(1)
  expect(valueOf(first, 'kubeproxy_sync_full_proxy_rules_duration_seconds', IPV4, '_count')).toBe(1)
  expect(valueOf(first, 'kubeproxy_network_programming_duration_seconds', IPV4, '_count')).toBe(0)
  expect(valueOf(first, 'sluice_virtual_servers')).toBe(1)
  expect(valueOf(first, 'sluice_source_connected', { kind: 'EndpointSlice' })).toBe(1)
  const { host } = new globalThis.URL(api.url)
  expect(valueOf(first, 'rest_client_requests_total', { code: '200', method: 'GET', host })).toBeGreaterThanOrEqual(4)

  const now = new Date().toISOString()
  api.set(...web('10.244.1.2', { 'endpoints.kubernetes.io/last-change-trigger-time': now }))
  const { revision } = await sluice.waitFor('the change', ({ servedRevision }) => servedRevision > 0)
  const second = await scraped('the change measured', (seen) => {
    return valueOf(seen, 'kubeproxy_network_programming_duration_seconds', IPV4, '_count') === 1
  })
  expect(revision).toBeGreaterThan(0)
  expect(valueOf(second, 'kubeproxy_sync_partial_proxy_rules_duration_seconds', IPV4, '_count')).toBeGreaterThan(0)
  expect(valueOf(second, 'kubeproxy_network_programming_duration_seconds', IPV4, '_sum')).toBeLessThan(60)
  expect(valueOf(second, `${KUBE}_endpoint_changes_total`)).toBe(2)
  expect(valueOf(second, `${KUBE}_endpoint_changes_pending`)).toBe(0)
  expect(valueOf(second, 'sluice_api_to_kernel_duration_seconds', {}, '_count')).toBeGreaterThan(0)
  const transactions = (seen: Scrape) => valueOf(seen, 'sluice_transactions_total') ?? 0
  expect(transactions(second)).toBeGreaterThan(transactions(first))
  const synced = (seen: Scrape) => valueOf(seen, `${KUBE}_last_timestamp_seconds`, IPV4) ?? 0
  expect(synced(second)).toBeGreaterThan(synced(first))

  await cluster.node1.exec('nft', ['delete', 'table', 'ip', 'sluice'])
  const third = await scraped('the repair', (seen) => valueOf(seen, 'sluice_drift_repaired_total') === 1)
  expect(valueOf(third, 'kubeproxy_sync_full_proxy_rules_duration_seconds', IPV4, '_count')).toBeGreaterThan(1)
  expect(valueOf(third, `${KUBE}_nftables_sync_failures_total`, IPV4)).toBe(0)
})

test('health that is asked for is counted, and the other pages of kube-proxy are there', async () => {
  await start('--no-events')
  for (const path of ['/healthz', '/livez', '/livez']) await ask(cluster.node1, `http://127.0.0.1:10256${path}`)
  const seen = await scrape()
  expect(valueOf(seen, 'kubeproxy_proxy_healthz_total', { code: '200' })).toBe(1)
  expect(valueOf(seen, 'kubeproxy_proxy_livez_total', { code: '200' })).toBe(2)
  expect(await get('/healthz')).toBe('ok')
  expect(await get('/proxyMode')).toBe('nftables')
  const slis = parseMetrics(await get('/metrics/slis'))
  expect(valueOf(slis, 'kubernetes_healthchecks_total', { name: 'proxy', type: 'livez', status: 'success' })).toBe(2)
  expect(await ask(cluster.node1, `${URL}/metrics`, { method: 'DELETE' })).toMatchObject({ status: 405 })
  expect(await ask(cluster.node1, `http://${CLUSTER.node1[0]}:10249/metrics`)).toBe('ECONNREFUSED')
})

test('without an address nobody listens', async () => {
  await start('--no-events', '--metrics-bind-address=')
  expect(await ask(cluster.node1, `${URL}/metrics`)).toBe('ECONNREFUSED')
})

test('a port that is taken is a problem until it is free, or ends Sluice', async () => {
  const taken = await cluster.node1.serve({ protocol: 'http', address: '127.0.0.1', port: 10249, name: 'other' })
  const refused = Instance.spawn(cluster.node1, {
    source: ['kube', '--server', api.url],
    args: [...OPTIONS, '--bind-address-hard-fail'],
  })
  running.push(refused)
  expect(await refused.ended()).toMatchObject({ code: 5 })
  const sluice = await start('--no-events')
  await sluice.waitFor('the problem', ({ problems }) => problems.some(({ object }) => object === 'metrics'))
  await taken.close()
  await sluice.waitFor('no problem', ({ problems }) => problems.length === 0, 20_000)
  expect(await get('/proxyMode')).toBe('nftables')
})

interface Written {
  readonly reason: string
  readonly regarding: { readonly kind: string; readonly name: string }
  readonly note: string
}

/** `REASON KIND NAME` of all Events. */
function written(): string[] {
  return (api.objects('events') as unknown as readonly Written[])
    .map(({ reason, regarding: { kind, name } }) => `${reason} ${kind} ${name}`)
    .sort()
}

test('what is not served is told to the cluster, once', async () => {
  const taken = await cluster.node1.serve({ protocol: 'http', address: '0.0.0.0', port: 32_001, name: 'other' })
  api.set(
    service('young', { clusterIPs: [OTHER_IP], externalIPs: [CLUSTER_IP], ports: [{ port: 80 }] }),
    service('mixed', { clusterIPs: ['10.96.0.42'], externalIPs: ['fd00::1'], ports: [{ port: 80 }] }),
    service('broken', { clusterIPs: ['nonsense'], ports: [{ port: 80 }] }),
    service('checked', {
      type: 'LoadBalancer',
      clusterIPs: ['10.96.0.43'],
      ports: [{ port: 80, nodePort: 30_001 }],
      spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: 32_001 },
    }),
  )
  await start('--nodeport-addresses', 'all')
  await until(async () => Promise.resolve(written().length >= 5), { timeoutMs: 30_000, everyMs: 50, what: 'Events' })
  expect(written()).toEqual([
    'DestinationConflict Service young',
    'FailedToStartServiceHealthcheck Service checked',
    'InvalidObject Service broken',
    'KubeProxyIncorrectIPVersion Service mixed',
    'Starting Node node-1',
  ])
  const seen = await scraped(
    'all counted',
    (scraped) => valueOf(scraped, 'sluice_events_total', { result: 'created' }) === 5,
  )
  expect(valueOf(seen, 'sluice_problems', { severity: 'error' })).toBeGreaterThanOrEqual(3)
  await taken.close()
})

test('without the right to write Events everything else goes on, and it is said once', async () => {
  api.faults.add({ kind: 'refuse', status: 403 }, { collection: 'events' })
  api.set(service('broken', { clusterIPs: ['nonsense'], ports: [{ port: 80 }] }))
  const sluice = await start()
  await scraped('the refusals', (seen) => (valueOf(seen, 'sluice_events_total', { result: 'refused' }) ?? 0) >= 2)
  expect(sluice.output.match(/refuses Kubernetes Events/g)).toHaveLength(1)
  expect((await sluice.status()).state).toBe('serving')
  expect(await sluice.stop()).toEqual({ code: 0, signal: null })
})
