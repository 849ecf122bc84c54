import { FAMILIES, type Family } from '../model/ip.ts'
import type { ServiceKey } from '../model/service.ts'
import type { EventResult } from '../observe/events.ts'
import type { HealthPath } from '../observe/health-server.ts'
import { createMetrics, type Metrics } from '../observe/metrics.ts'
import { Slis } from '../observe/slis.ts'
import type { Status } from '../observe/status.ts'
import type { ApiAnswer } from '../sources/kube/connection.ts'
import type { ReflectorCounts } from '../sources/kube/counts.ts'
import type { ChangeTimes, StoreChanges, Trigger } from '../store/reader.ts'
import type { FamilySync, PlaneObserver } from '../virtual-server/data-plane.ts'
import type { VirtualServer } from '../virtual-server/virtual-server.ts'
import { NoLocalEndpoints } from './no-local-endpoints.ts'

const NO_CHANGES: StoreChanges = { services: 0, endpointSlices: 0, lastAt: 0 }
const STATES = ['loading', 'serving', 'failing'] as const
const SEVERITIES = ['error', 'warning'] as const
const EVENT_RESULTS: readonly EventResult[] = ['created', 'counted', 'limited', 'dropped', 'refused']

/** Times of changes that are remembered for a family while the kernel does not take them; more say nothing new. */
const MAX_TRIGGERS = 10_000

/** What is only asked for when somebody wants the metrics. */
export interface Measured {
  readonly status: () => Status
  readonly store: { readonly changes: StoreChanges }
  /** A source without counts is not told of. */
  readonly source: { counts?(): readonly ReflectorCounts[] }
}

/** Turns what an agent does into metrics. Nothing here costs more than the change that it is told of. */
export class AgentMetrics implements PlaneObserver {
  readonly metrics: Metrics = createMetrics()
  readonly slis = new Slis()
  readonly #noLocal = new NoLocalEndpoints()
  readonly #now: () => number
  readonly #date: () => number
  #taken = NO_CHANGES
  /** When the oldest change came that is not in the kernel, by the clock that never goes back. */
  #since: number | undefined
  /** What EndpointSlices told of changes that are not in the kernel. */
  readonly #triggers: Record<Family, Trigger[]> = { 4: [], 6: [] }
  #computedMs = 0

  /** @param clock real ones by default: milliseconds that never go back, and milliseconds since 1970 */
  constructor(clock: { readonly elapsed: () => number; readonly date: () => number } = SYSTEM_CLOCK) {
    this.#now = clock.elapsed
    this.#date = clock.date
    this.#beginSeries()
  }

  /** Says whom to ask. */
  attach({ status, store, source }: Measured): void {
    this.metrics.onCollect(() => {
      this.#collectStatus(status())
      this.#collectChanges(store.changes)
      this.#collectNoLocal()
      for (const counts of source.counts?.() ?? []) this.#collectSource(counts)
    })
  }

  /** A sync begins, for these changes; undefined when nothing changed and it is a check, or another attempt. */
  syncing(times: ChangeTimes | undefined): void {
    if (times === undefined) return
    this.#taken = times.seen
    this.#since ??= times.since
    for (const trigger of times.triggers) {
      const waiting = this.#triggers[trigger.family]
      if (waiting.length < MAX_TRIGGERS) waiting.push(trigger)
    }
  }

  /** What is to be served was computed; the time counts for each family's sync until this is told again. */
  computed(durationMs: number): void {
    this.#computedMs = durationMs
  }

  /** A Service has these virtual servers now; none when it is gone. */
  rendered(key: ServiceKey, servers: readonly VirtualServer[]): void {
    this.#noLocal.set(key, servers)
  }

  /** The whole sync is over, and everything is in the kernel. */
  served(): void {
    if (this.#since !== undefined) {
      this.metrics.observe('sluice_api_to_kernel_duration_seconds', {}, (this.#now() - this.#since) / 1000)
    }
    this.#since = undefined
  }

  synced(family: Family, { durationMs, isFull, isInLine }: FamilySync): void {
    const labels = familyLabels(family)
    const seconds = (this.#computedMs + durationMs) / 1000
    const kind = isFull ? 'full' : 'partial'
    this.metrics.observe('kubeproxy_sync_proxy_rules_duration_seconds', labels, seconds)
    this.metrics.observe(`kubeproxy_sync_${kind}_proxy_rules_duration_seconds`, labels, seconds)
    if (!isInLine) return this.metrics.count('kubeproxy_sync_proxy_rules_nftables_sync_failures_total', labels)
    this.metrics.set('kubeproxy_sync_proxy_rules_last_timestamp_seconds', labels, this.#date() / 1000)
    for (const { time } of this.#triggers[family].splice(0)) {
      // Another host's clock may be ahead of ours.
      const latency = Math.max(0, this.#date() - time) / 1000
      this.metrics.observe('kubeproxy_network_programming_duration_seconds', labels, latency)
    }
  }

  committed(durationMs: number): void {
    this.metrics.observe('sluice_commit_duration_seconds', {}, durationMs / 1000)
  }

  cleanupFailed(family: Family): void {
    this.metrics.count('kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total', familyLabels(family))
  }

  /** The connection-tracking entries of a family were looked through. */
  flowsCleaned(family: Family, durationMs: number, deleted: number): void {
    const labels = familyLabels(family)
    this.metrics.observe('kubeproxy_conntrack_reconciler_sync_duration_seconds', labels, durationMs / 1000)
    this.metrics.count('kubeproxy_conntrack_reconciler_deleted_entries_total', labels, deleted)
  }

  /** Somebody asked for the proxy's health. */
  healthAnswered(path: HealthPath, status: 200 | 503): void {
    const code = String(status)
    if (path === '/healthz') this.metrics.count('kubeproxy_proxy_healthz_total', { code })
    if (path === '/livez') this.metrics.count('kubeproxy_proxy_livez_total', { code })
    this.slis.checked('proxy', path.slice(1), status === 200)
  }

  /** The API server answered, or did not. */
  asked({ method, host, code, durationMs }: ApiAnswer): void {
    this.metrics.count('rest_client_requests_total', { code, method, host })
    this.metrics.observe('rest_client_request_duration_seconds', { verb: method, host }, durationMs / 1000)
  }

  /** Something became of a Kubernetes Event. */
  recorded(result: EventResult): void {
    this.metrics.count('sluice_events_total', { result })
  }

  /** Series that are there from the start, so that the first of something is an increase. */
  #beginSeries(): void {
    for (const family of FAMILIES) {
      const labels = familyLabels(family)
      this.metrics.expect('kubeproxy_sync_proxy_rules_duration_seconds', labels)
      this.metrics.expect('kubeproxy_sync_full_proxy_rules_duration_seconds', labels)
      this.metrics.expect('kubeproxy_sync_partial_proxy_rules_duration_seconds', labels)
      this.metrics.expect('kubeproxy_network_programming_duration_seconds', labels)
      this.metrics.expect('kubeproxy_conntrack_reconciler_sync_duration_seconds', labels)
      this.metrics.count('kubeproxy_conntrack_reconciler_deleted_entries_total', labels, 0)
      this.metrics.count('kubeproxy_sync_proxy_rules_nftables_sync_failures_total', labels, 0)
      this.metrics.count('kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total', labels, 0)
    }
    for (const code of ['200', '503']) {
      this.metrics.count('kubeproxy_proxy_healthz_total', { code }, 0)
      this.metrics.count('kubeproxy_proxy_livez_total', { code }, 0)
    }
    for (const result of EVENT_RESULTS) this.metrics.count('sluice_events_total', { result }, 0)
  }

  #collectStatus({ version, state, revision, servedRevision, counts, problems }: Status): void {
    const { metrics } = this
    const platform = `${process.platform}/${process.arch}`
    metrics.set('sluice_build_info', { version, node_version: process.version, platform }, 1)
    for (const each of STATES) metrics.set('sluice_state', { state: each }, Number(each === state))
    metrics.set('sluice_services', {}, counts.services)
    metrics.set('sluice_endpoint_slices', {}, counts.endpointSlices)
    metrics.set('sluice_virtual_servers', {}, counts.virtualServers)
    metrics.set('sluice_endpoints', {}, counts.endpoints)
    metrics.set('sluice_revision_seen', {}, revision)
    metrics.set('sluice_revision_served', {}, servedRevision)
    metrics.total('sluice_transactions_total', {}, counts.transactions)
    metrics.total('sluice_drift_repaired_total', {}, counts.driftRepaired)
    for (const severity of SEVERITIES) {
      const count = problems.filter((problem) => problem.severity === severity).length
      metrics.set('sluice_problems', { severity }, count)
    }
  }

  #collectChanges({ services, endpointSlices, lastAt }: StoreChanges): void {
    const { metrics } = this
    metrics.total('kubeproxy_sync_proxy_rules_service_changes_total', {}, services)
    metrics.total('kubeproxy_sync_proxy_rules_endpoint_changes_total', {}, endpointSlices)
    metrics.set('kubeproxy_sync_proxy_rules_service_changes_pending', {}, services - this.#taken.services)
    const pending = endpointSlices - this.#taken.endpointSlices
    metrics.set('kubeproxy_sync_proxy_rules_endpoint_changes_pending', {}, pending)
    for (const family of FAMILIES) {
      metrics.set('kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds', familyLabels(family), lastAt / 1000)
    }
  }

  #collectSource({ kind, sinceEventMs, relists, ...counts }: ReflectorCounts): void {
    const { metrics } = this
    const labels = { kind }
    metrics.set('sluice_source_connected', labels, Number(counts.isConnected))
    metrics.total('sluice_source_lists_total', labels, counts.lists)
    metrics.total('sluice_source_watches_total', labels, counts.watches)
    metrics.total('sluice_source_resumes_total', labels, counts.resumes)
    metrics.total('sluice_source_events_total', labels, counts.events)
    metrics.total('sluice_source_bookmarks_total', labels, counts.bookmarks)
    metrics.total('sluice_source_stale_events_total', labels, counts.staleEvents)
    metrics.total('sluice_source_received_bytes_total', labels, counts.bytesReceived)
    for (const [reason, count] of Object.entries(relists)) {
      metrics.total('sluice_source_relists_total', { kind, reason }, count)
    }
    metrics.set('sluice_source_objects', labels, counts.objects)
    metrics.set('sluice_source_objects_with_problems', labels, counts.objectsWithProblems)
    if (sinceEventMs === undefined) return
    metrics.set('sluice_source_last_event_timestamp_seconds', labels, (this.#date() - sinceEventMs) / 1000)
  }

  #collectNoLocal(): void {
    for (const family of FAMILIES) {
      for (const policy of ['internal', 'external'] as const) {
        const labels = { ...familyLabels(family), traffic_policy: policy }
        const count = this.#noLocal.count(family, policy)
        this.metrics.set('kubeproxy_sync_proxy_rules_no_local_endpoints_total', labels, count)
      }
    }
  }
}

const SYSTEM_CLOCK = { elapsed: () => performance.now(), date: () => Date.now() }

/** As kube-proxy names the families. */
function familyLabels(family: Family): { readonly ip_family: string } {
  return { ip_family: `IPv${family}` }
}
