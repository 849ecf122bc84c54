import { expect, test } from 'vitest'
import { parseMetrics, valueOf } from '../../test/fixtures/metrics-text.ts'
import { METRICS, type MetricSpec } from './metric-table.ts'
import { createMetrics, MetricSet } from './metrics.ts'
import { Slis } from './slis.ts'

const TABLE = {
  t_total: { type: 'counter', labels: ['code'], help: 'c', of: 'sluice' },
  t_plain_total: { type: 'counter', labels: [], help: 'p', of: 'sluice' },
  t_now: { type: 'gauge', labels: ['path'], help: 'g', of: 'sluice' },
  t_seconds: { type: 'histogram', labels: ['f'], help: 'h', buckets: [0.5, 1], of: 'sluice' },
} as const satisfies Readonly<Record<string, MetricSpec>>

test('counters grow, or are what somebody else counted', async () => {
  const metrics = new MetricSet(TABLE)
  metrics.count('t_total', { code: '200' }, 0)
  metrics.count('t_total', { code: '500' })
  metrics.count('t_total', { code: '500' }, 2)
  metrics.total('t_plain_total', {}, 7)
  metrics.total('t_plain_total', {}, 9)
  const scrape = parseMetrics(await metrics.text())
  expect(valueOf(scrape, 't_total', { code: '200' })).toBe(0)
  expect(valueOf(scrape, 't_total', { code: '500' })).toBe(3)
  expect(valueOf(scrape, 't_plain_total')).toBe(9)
})

test('a histogram has the buckets of the table, from the start when it is expected', async () => {
  const metrics = new MetricSet(TABLE)
  metrics.expect('t_seconds', { f: 'a' })
  for (const value of [0.2, 0.7, 3]) metrics.observe('t_seconds', { f: 'b' }, value)
  const scrape = parseMetrics(await metrics.text())
  expect(valueOf(scrape, 't_seconds', { f: 'a' }, '_count')).toBe(0)
  const bucket = (le: string) => valueOf(scrape, 't_seconds', { f: 'b', le }, '_bucket')
  expect(['0.5', '1', '+Inf'].map(bucket)).toEqual([1, 2, 3])
})

test('labels may hold anything', async () => {
  const metrics = new MetricSet(TABLE)
  const path = 'a"b\\c\nd{e="f",g} 1'
  metrics.set('t_now', { path }, -1.5)
  expect(valueOf(parseMetrics(await metrics.text()), 't_now', { path })).toBe(-1.5)
})

test('who is to be asked is asked at each scrape, and not before', async () => {
  const metrics = new MetricSet(TABLE)
  let asked = 0
  metrics.onCollect(() => metrics.set('t_now', { path: '' }, ++asked))
  expect(asked).toBe(0)
  await metrics.text()
  expect(valueOf(parseMetrics(await metrics.text()), 't_now')).toBe(2)
})

test('the process and Node.js tell of themselves', async () => {
  const metrics = new MetricSet(TABLE)
  metrics.addProcess()
  const scrape = parseMetrics(await metrics.text())
  expect(valueOf(scrape, 'process_resident_memory_bytes')).toBeGreaterThan(1e6)
  expect(valueOf(scrape, 'process_start_time_seconds')).toBeGreaterThan(1e9)
  expect(valueOf(scrape, 'nodejs_eventloop_lag_p99_seconds')).toBeDefined()
  metrics.close()
})

test('what kube-proxy has in its nftables mode is there, with its types and labels', () => {
  const ours = Object.entries(METRICS).filter(([name]) => name.startsWith('kubeproxy_'))
  const text = ours.map(([name, { type, labels }]) => `${type} ${name}{${labels.join()}}`)
  expect(text.sort()).toEqual([...KUBE_PROXY].sort())
})

test('the buckets are those of kube-proxy and client-go', () => {
  const { buckets: sync } = METRICS.kubeproxy_sync_proxy_rules_duration_seconds
  expect([sync.length, sync.slice(0, 3), sync.at(-1)]).toEqual([15, [0.001, 0.002, 0.004], 16.384])
  const { buckets: network } = METRICS.kubeproxy_network_programming_duration_seconds
  expect(network).toHaveLength(81)
  const at = [0, 1, 2, 3, 61, 62, 73, 74, 80].map((index) => network[index])
  expect(at).toEqual([0, 0.25, 0.5, 1, 59, 60, 115, 120, 300])
  expect(METRICS.rest_client_request_duration_seconds.buckets).toEqual([
    0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60,
  ])
})

test('a bucket is found by its bound', async () => {
  const metrics = createMetrics()
  metrics.observe('kubeproxy_network_programming_duration_seconds', { ip_family: 'IPv4' }, 61)
  const scrape = parseMetrics(await metrics.text())
  const below = (le: string) => valueOf(scrape, 'kubeproxy_network_programming_duration_seconds', { le }, '_bucket')
  expect([below('60'), below('65')]).toEqual([0, 1])
})

/** pkg/proxy/metrics of Kubernetes 1.35, without what only other modes have. */
const KUBE_PROXY = [
  'counter kubeproxy_conntrack_reconciler_deleted_entries_total{ip_family}',
  'histogram kubeproxy_conntrack_reconciler_sync_duration_seconds{ip_family}',
  'histogram kubeproxy_network_programming_duration_seconds{ip_family}',
  'counter kubeproxy_proxy_healthz_total{code}',
  'counter kubeproxy_proxy_livez_total{code}',
  'histogram kubeproxy_sync_full_proxy_rules_duration_seconds{ip_family}',
  'histogram kubeproxy_sync_partial_proxy_rules_duration_seconds{ip_family}',
  'histogram kubeproxy_sync_proxy_rules_duration_seconds{ip_family}',
  'gauge kubeproxy_sync_proxy_rules_endpoint_changes_pending{}',
  'counter kubeproxy_sync_proxy_rules_endpoint_changes_total{}',
  'gauge kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds{ip_family}',
  'gauge kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family}',
  'counter kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total{ip_family}',
  'counter kubeproxy_sync_proxy_rules_nftables_sync_failures_total{ip_family}',
  'gauge kubeproxy_sync_proxy_rules_no_local_endpoints_total{ip_family,traffic_policy}',
  'gauge kubeproxy_sync_proxy_rules_service_changes_pending{}',
  'counter kubeproxy_sync_proxy_rules_service_changes_total{}',
]

test('a health check that was asked for is told, with how often it went how', async () => {
  const slis = new Slis()
  slis.checked('proxy', 'livez', true)
  slis.checked('proxy', 'livez', false)
  const scrape = parseMetrics(await slis.text())
  expect(valueOf(scrape, 'kubernetes_healthcheck', { name: 'proxy', type: 'livez' })).toBe(0)
  const count = (status: string) => valueOf(scrape, 'kubernetes_healthchecks_total', { type: 'livez', status })
  expect([count('success'), count('error')]).toEqual([1, 1])
})
