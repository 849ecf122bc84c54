import { beforeEach, expect, test } from 'vitest'
import { parseMetrics, type Scrape, valueOf } from '../../test/fixtures/metrics-text.ts'
import { ip, local, localEndpoint, service } from '../../test/fixtures/services.ts'
import type { Status } from '../observe/status.ts'
import type { ReflectorCounts } from '../sources/kube/counts.ts'
import type { ChangeTimes } from '../store/reader.ts'
import { virtualServers } from '../virtual-server/from-local.ts'
import { AgentMetrics } from './agent-metrics.ts'

const START = Date.UTC(2026, 0, 1)
const PROBLEM = { severity: 'error', object: 'Service a/b', field: '', message: 'no', origin: '' } as const
const STATUS: Status = {
  instance: 'default',
  version: '1.2.3',
  pid: 7,
  state: 'serving',
  plane: 'nft',
  nodeName: 'n1',
  startedAt: '',
  revision: 9,
  servedRevision: 8,
  lastSync: '',
  lastError: '',
  counts: {
    services: 1,
    endpointSlices: 2,
    nodes: 3,
    virtualServers: 4,
    endpoints: 5,
    transactions: 6,
    driftRepaired: 7,
    staleFlowsDeleted: 8,
  },
  nodeAddresses: [],
  problems: [PROBLEM, { ...PROBLEM, severity: 'warning' }, { ...PROBLEM, severity: 'warning' }],
}
const SERVICES: ReflectorCounts = {
  kind: 'Service',
  isConnected: true,
  lists: 1,
  relists: { expired: 2, ahead: 3, continuation: 4 },
  watches: 5,
  resumes: 6,
  events: 7,
  bookmarks: 8,
  staleEvents: 9,
  bytesReceived: 10,
  sinceEventMs: 2000,
  objects: 11,
  objectsWithProblems: 12,
}
const IPV4 = { ip_family: 'IPv4' }
const IPV6 = { ip_family: 'IPv6' }
const DONE = { durationMs: 20, isFull: false, isInLine: true } as const
const SYNC = 'kubeproxy_sync_proxy_rules_duration_seconds'
const NETWORK = 'kubeproxy_network_programming_duration_seconds'

let elapsed: number
let metrics: AgentMetrics
let changes: { services: number; endpointSlices: number; lastAt: number }

beforeEach(() => {
  elapsed = 0
  changes = { services: 0, endpointSlices: 0, lastAt: 0 }
  metrics = new AgentMetrics({ elapsed: () => elapsed, date: () => START + elapsed })
  metrics.attach({ status: () => STATUS, store: { changes }, source: { counts: () => [SERVICES] } })
})

async function scrape(): Promise<Scrape> {
  return parseMetrics(await metrics.metrics.text())
}

function times(overrides: Partial<ChangeTimes> = {}): ChangeTimes {
  return { seen: { ...changes }, since: elapsed, triggers: [], ...overrides }
}

test('a sync of a family has its own duration and what was computed for both, as partial or full', async () => {
  metrics.computed(100)
  metrics.synced(4, DONE)
  metrics.synced(6, { ...DONE, isFull: true })
  const seen = await scrape()
  const sum = (name: string, labels: Readonly<Record<string, string>>) => valueOf(seen, name, labels, '_sum')
  expect(sum(SYNC, IPV4)).toBeCloseTo(0.12)
  expect(sum('kubeproxy_sync_partial_proxy_rules_duration_seconds', IPV4)).toBeCloseTo(0.12)
  expect(sum('kubeproxy_sync_full_proxy_rules_duration_seconds', IPV4)).toBe(0)
  expect(sum('kubeproxy_sync_full_proxy_rules_duration_seconds', IPV6)).toBeCloseTo(0.12)
})

test('a family that fails counts as a failure, and keeps the time of its last success', async () => {
  const [at, failures] = ['last_timestamp_seconds', 'nftables_sync_failures_total']
  const name = (suffix: string) => `kubeproxy_sync_proxy_rules_${suffix}`
  metrics.synced(4, DONE)
  elapsed = 5000
  metrics.synced(4, { ...DONE, isInLine: false })
  metrics.synced(6, DONE)
  const seen = await scrape()
  expect([valueOf(seen, name(at), IPV4), valueOf(seen, name(at), IPV6)]).toEqual([START / 1000, START / 1000 + 5])
  expect([valueOf(seen, name(failures), IPV4), valueOf(seen, name(failures), IPV6)]).toEqual([1, 0])
})

test('what a slice tells of is measured when its family has it, also after a failure, and once', async () => {
  const triggers = [
    { family: 4, time: START + 1000 },
    { family: 6, time: START + 99_000 },
  ] as const
  metrics.syncing(times({ triggers }))
  metrics.synced(4, { ...DONE, isInLine: false })
  metrics.synced(6, DONE)
  elapsed = 3000
  metrics.syncing(undefined)
  metrics.synced(4, DONE)
  metrics.synced(4, DONE)
  const seen = await scrape()
  expect(valueOf(seen, NETWORK, IPV4, '_count')).toBe(1)
  expect(valueOf(seen, NETWORK, IPV4, '_sum')).toBe(2)
  // The clock of who wrote it is ahead of ours.
  expect(valueOf(seen, NETWORK, IPV6, '_sum')).toBe(0)
})

test('while the kernel takes nothing, what waits is bounded', async () => {
  const triggers = Array.from({ length: 6000 }, () => ({ family: 4, time: START }) as const)
  for (let i = 0; i < 3; i++) metrics.syncing(times({ triggers }))
  metrics.synced(4, DONE)
  expect(valueOf(await scrape(), NETWORK, IPV4, '_count')).toBe(10_000)
})

test('changes are pending until a sync begins with them', async () => {
  const name = (suffix: string) => `kubeproxy_sync_proxy_rules_${suffix}`
  Object.assign(changes, { services: 2, endpointSlices: 5, lastAt: START })
  const pending = async () => {
    const seen = await scrape()
    return [valueOf(seen, name('service_changes_pending')), valueOf(seen, name('endpoint_changes_pending'))]
  }
  expect(await pending()).toEqual([2, 5])
  metrics.syncing(times())
  expect(await pending()).toEqual([0, 0])
  changes.endpointSlices++
  metrics.syncing(undefined)
  expect(await pending()).toEqual([0, 1])
  const seen = await scrape()
  expect(valueOf(seen, name('service_changes_total'))).toBe(2)
  expect(valueOf(seen, name('endpoint_changes_total'))).toBe(6)
  expect(valueOf(seen, name('last_queued_timestamp_seconds'), IPV6)).toBe(START / 1000)
})

test('the way from the API to the kernel begins with the oldest change, and not before the first state', async () => {
  metrics.syncing(times({ since: undefined }))
  metrics.served()
  metrics.syncing(times({ since: 1000 }))
  elapsed = 2000
  metrics.syncing(times())
  elapsed = 4000
  metrics.served()
  metrics.served()
  const seen = await scrape()
  expect(valueOf(seen, 'sluice_api_to_kernel_duration_seconds', {}, '_count')).toBe(1)
  expect(valueOf(seen, 'sluice_api_to_kernel_duration_seconds', {}, '_sum')).toBe(3)
})

test('Services of the policy Local without an endpoint here are counted by family and policy', async () => {
  const scopes = { internal: false, external: false }
  const web = service('web', { clusterIPs: [ip('10.96.0.1')], internalTrafficPolicy: 'Local' })
  const of = local(web, [localEndpoint('10.1.0.1', { scopes })])
  metrics.rendered(of.key, virtualServers(of))
  const name = 'kubeproxy_sync_proxy_rules_no_local_endpoints_total'
  const count = async (traffic_policy: string) => valueOf(await scrape(), name, { ...IPV4, traffic_policy })
  expect([await count('internal'), await count('external')]).toEqual([1, 0])
  metrics.rendered(of.key, [])
  expect(await count('internal')).toBe(0)
})

test('health is counted by its code; readiness only for service level indicators', async () => {
  metrics.healthAnswered('/healthz', 503)
  metrics.healthAnswered('/livez', 200)
  metrics.healthAnswered('/readyz', 200)
  const seen = await scrape()
  expect(valueOf(seen, 'kubeproxy_proxy_healthz_total', { code: '503' })).toBe(1)
  expect(valueOf(seen, 'kubeproxy_proxy_healthz_total', { code: '200' })).toBe(0)
  expect(valueOf(seen, 'kubeproxy_proxy_livez_total', { code: '200' })).toBe(1)
  const slis = parseMetrics(await metrics.slis.text())
  const well = ['healthz', 'livez', 'readyz'].map((type) => valueOf(slis, 'kubernetes_healthcheck', { type }))
  expect(well).toEqual([0, 1, 1])
})

test('stale flows, requests, transactions, clean-ups and Events are counted', async () => {
  metrics.flowsCleaned(6, 30, 3)
  metrics.asked({ method: 'GET', host: 'api:6443', code: '200', durationMs: 250 })
  metrics.asked({ method: 'GET', host: 'api:6443', code: '<error>', durationMs: 250 })
  metrics.committed(4)
  metrics.cleanupFailed(4)
  metrics.recorded('limited')
  const seen = await scrape()
  expect(valueOf(seen, 'kubeproxy_conntrack_reconciler_deleted_entries_total', IPV6)).toBe(3)
  expect(valueOf(seen, 'kubeproxy_conntrack_reconciler_sync_duration_seconds', IPV6, '_sum')).toBe(0.03)
  const host = 'api:6443'
  expect(valueOf(seen, 'rest_client_requests_total', { code: '<error>', method: 'GET', host })).toBe(1)
  expect(valueOf(seen, 'rest_client_request_duration_seconds', { verb: 'GET', host }, '_sum')).toBe(0.5)
  expect(valueOf(seen, 'sluice_commit_duration_seconds', {}, '_sum')).toBe(0.004)
  expect(valueOf(seen, 'kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total', IPV4)).toBe(1)
  expect(valueOf(seen, 'sluice_events_total', { result: 'limited' })).toBe(1)
})

test('the rest is what the status tells', async () => {
  const seen = await scrape()
  const names = ['services', 'endpoint_slices', 'virtual_servers', 'endpoints', 'transactions_total']
  expect(names.map((name) => valueOf(seen, `sluice_${name}`))).toEqual([1, 2, 4, 5, 6])
  expect(valueOf(seen, 'sluice_drift_repaired_total')).toBe(7)
  expect([valueOf(seen, 'sluice_revision_seen'), valueOf(seen, 'sluice_revision_served')]).toEqual([9, 8])
  expect(['error', 'warning'].map((severity) => valueOf(seen, 'sluice_problems', { severity }))).toEqual([1, 2])
  expect(['loading', 'serving'].map((state) => valueOf(seen, 'sluice_state', { state }))).toEqual([0, 1])
  expect(valueOf(seen, 'sluice_build_info', { version: '1.2.3' })).toBe(1)
})

test('the source tells what it did, kind by kind', async () => {
  const seen = await scrape()
  const labels = { kind: 'Service' }
  const names = ['lists', 'watches', 'resumes', 'events', 'bookmarks', 'stale_events', 'received_bytes']
  expect(names.map((name) => valueOf(seen, `sluice_source_${name}_total`, labels))).toEqual([1, 5, 6, 7, 8, 9, 10])
  const relists = ['expired', 'ahead', 'continuation']
  const count = (reason: string) => valueOf(seen, 'sluice_source_relists_total', { ...labels, reason })
  expect(relists.map(count)).toEqual([2, 3, 4])
  expect(valueOf(seen, 'sluice_source_connected', labels)).toBe(1)
  expect(valueOf(seen, 'sluice_source_objects', labels)).toBe(11)
  expect(valueOf(seen, 'sluice_source_objects_with_problems', labels)).toBe(12)
  expect(valueOf(seen, 'sluice_source_last_event_timestamp_seconds', labels)).toBe(START / 1000 - 2)
})
