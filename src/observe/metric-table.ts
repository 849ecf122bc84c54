/** A metric as Prometheus knows it. */
export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** Names of its labels; empty when it has none. */
  readonly labels: readonly string[]
  /** What it means, in one sentence without a full stop. */
  readonly help: string
  /** Upper bounds of a histogram's buckets, in the metric's unit; absent for other types. */
  readonly buckets?: readonly number[]
  /** Whose name it is: with kube-proxy and client-go, dashboards and alerts for kube-proxy work. */
  readonly of: 'kube-proxy' | 'client-go' | 'sluice'
}

/** `count` bounds from `first`, each `factor` times the one before. */
function exponential(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first * factor ** index)
}

/** `count` bounds from `first`, each `step` more than the one before. */
function linear(first: number, step: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + step * index)
}

const SYNC_SECONDS = exponential(0.001, 2, 15)
const PROGRAMMING_SECONDS = [0, 0.25, 0.5, ...linear(1, 1, 59), ...linear(60, 5, 12), ...linear(120, 30, 7)]
const REQUEST_SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]
const FAST_SECONDS = exponential(0.0001, 2, 18)

/** Every metric of Sluice's own making; those of the process are prom-client's standard ones. */
export const METRICS = {
  kubeproxy_sync_proxy_rules_duration_seconds: {
    type: 'histogram',
    labels: ['ip_family'],
    help: 'How long a sync took, from the computation of what is to be served to the acknowledgement of the kernel',
    buckets: SYNC_SECONDS,
    of: 'kube-proxy',
  },
  kubeproxy_sync_full_proxy_rules_duration_seconds: {
    type: 'histogram',
    labels: ['ip_family'],
    help: 'The same, of syncs that read back and compared what is in the kernel',
    buckets: SYNC_SECONDS,
    of: 'kube-proxy',
  },
  kubeproxy_sync_partial_proxy_rules_duration_seconds: {
    type: 'histogram',
    labels: ['ip_family'],
    help: 'The same, of syncs that only wrote what changed',
    buckets: SYNC_SECONDS,
    of: 'kube-proxy',
  },
  kubeproxy_network_programming_duration_seconds: {
    type: 'histogram',
    labels: ['ip_family'],
    help: 'How long it took from the change of a pod or Service, as its EndpointSlice tells it, until the kernel had it',
    buckets: PROGRAMMING_SECONDS,
    of: 'kube-proxy',
  },
  kubeproxy_sync_proxy_rules_last_timestamp_seconds: {
    type: 'gauge',
    labels: ['ip_family'],
    help: 'When a sync last succeeded',
    of: 'kube-proxy',
  },
  kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds: {
    type: 'gauge',
    labels: ['ip_family'],
    help: 'When the last change came that a sync is for',
    of: 'kube-proxy',
  },
  kubeproxy_sync_proxy_rules_endpoint_changes_pending: {
    type: 'gauge',
    labels: [],
    help: 'Changes of EndpointSlices that no sync has begun with',
    of: 'kube-proxy',
  },
  kubeproxy_sync_proxy_rules_endpoint_changes_total: {
    type: 'counter',
    labels: [],
    help: 'Changes of EndpointSlices',
    of: 'kube-proxy',
  },
  kubeproxy_sync_proxy_rules_service_changes_pending: {
    type: 'gauge',
    labels: [],
    help: 'Changes of Services that no sync has begun with',
    of: 'kube-proxy',
  },
  kubeproxy_sync_proxy_rules_service_changes_total: {
    type: 'counter',
    labels: [],
    help: 'Changes of Services',
    of: 'kube-proxy',
  },
  kubeproxy_sync_proxy_rules_no_local_endpoints_total: {
    type: 'gauge',
    labels: ['ip_family', 'traffic_policy'],
    help: 'Ports of Services with the traffic policy Local that have endpoints, but none on this node',
    of: 'kube-proxy',
  },
  kubeproxy_sync_proxy_rules_nftables_sync_failures_total: {
    type: 'counter',
    labels: ['ip_family'],
    help: 'Syncs that failed, and are tried again',
    of: 'kube-proxy',
  },
  kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total: {
    type: 'counter',
    labels: ['ip_family'],
    help: 'How often what was left of endpoints that are gone could not be deleted: clients that session affinity remembers',
    of: 'kube-proxy',
  },
  kubeproxy_proxy_healthz_total: {
    type: 'counter',
    labels: ['code'],
    help: 'Answers of /healthz on the health port, by HTTP status',
    of: 'kube-proxy',
  },
  kubeproxy_proxy_livez_total: {
    type: 'counter',
    labels: ['code'],
    help: 'Answers of /livez on the health port, by HTTP status',
    of: 'kube-proxy',
  },
  kubeproxy_conntrack_reconciler_sync_duration_seconds: {
    type: 'histogram',
    labels: ['ip_family'],
    help: 'How long it took to look through the connection-tracking entries and delete stale UDP flows',
    buckets: SYNC_SECONDS,
    of: 'kube-proxy',
  },
  kubeproxy_conntrack_reconciler_deleted_entries_total: {
    type: 'counter',
    labels: ['ip_family'],
    help: 'Stale UDP flows deleted from connection tracking',
    of: 'kube-proxy',
  },
  rest_client_requests_total: {
    type: 'counter',
    labels: ['code', 'method', 'host'],
    help: 'Requests to the API server, by HTTP status; <error> when there was no answer',
    of: 'client-go',
  },
  rest_client_request_duration_seconds: {
    type: 'histogram',
    labels: ['verb', 'host'],
    help: 'How long the API server took to begin its answer',
    buckets: REQUEST_SECONDS,
    of: 'client-go',
  },
  sluice_build_info: {
    type: 'gauge',
    labels: ['version', 'node_version', 'platform'],
    help: 'Always 1; says which Sluice runs on which Node.js',
    of: 'sluice',
  },
  sluice_state: {
    type: 'gauge',
    labels: ['state'],
    help: '1 for the state that the agent is in: loading, serving or failing',
    of: 'sluice',
  },
  sluice_services: { type: 'gauge', labels: [], help: 'Services that are known', of: 'sluice' },
  sluice_endpoint_slices: { type: 'gauge', labels: [], help: 'EndpointSlices that are known', of: 'sluice' },
  sluice_virtual_servers: {
    type: 'gauge',
    labels: [],
    help: 'Destinations that are served, of both families: an address or node port with protocol and port',
    of: 'sluice',
  },
  sluice_endpoints: {
    type: 'gauge',
    labels: [],
    help: 'Endpoints of all pools of both families',
    of: 'sluice',
  },
  sluice_problems: {
    type: 'gauge',
    labels: ['severity'],
    help: 'What is not served as it was asked for; sluice status lists it. error: not at all, warning: in part',
    of: 'sluice',
  },
  sluice_revision_seen: { type: 'gauge', labels: [], help: "Revision of the cluster's state", of: 'sluice' },
  sluice_revision_served: {
    type: 'gauge',
    labels: [],
    help: 'Revision that the kernel serves; behind the one seen while a sync is due',
    of: 'sluice',
  },
  sluice_transactions_total: { type: 'counter', labels: [], help: 'Transactions that the kernel took', of: 'sluice' },
  sluice_commit_duration_seconds: {
    type: 'histogram',
    labels: [],
    help: 'How long the kernel took for a transaction',
    buckets: FAST_SECONDS,
    of: 'sluice',
  },
  sluice_api_to_kernel_duration_seconds: {
    type: 'histogram',
    labels: [],
    help: 'How long the oldest change of a sync took from its arrival until the kernel had it, in both families',
    buckets: FAST_SECONDS,
    of: 'sluice',
  },
  sluice_drift_repaired_total: {
    type: 'counter',
    labels: [],
    help: "How often somebody else's change of Sluice's tables was found and undone",
    of: 'sluice',
  },
  sluice_source_connected: {
    type: 'gauge',
    labels: ['kind'],
    help: '1 when all objects of a kind are known and the API server last answered as it must',
    of: 'sluice',
  },
  sluice_source_lists_total: {
    type: 'counter',
    labels: ['kind'],
    help: 'Lists of the API server that were read to their end',
    of: 'sluice',
  },
  sluice_source_relists_total: {
    type: 'counter',
    labels: ['kind', 'reason'],
    help: 'Why everything was listed again: expired (the API server forgot where to go on), ahead (its database was put back) or continuation (it forgot how a list goes on)',
    of: 'sluice',
  },
  sluice_source_watches_total: {
    type: 'counter',
    labels: ['kind'],
    help: 'Watches that the API server began',
    of: 'sluice',
  },
  sluice_source_resumes_total: {
    type: 'counter',
    labels: ['kind'],
    help: 'Watches that went on where one had broken',
    of: 'sluice',
  },
  sluice_source_events_total: {
    type: 'counter',
    labels: ['kind'],
    help: 'Objects that came, changed or went, as watches told it',
    of: 'sluice',
  },
  sluice_source_bookmarks_total: { type: 'counter', labels: ['kind'], help: 'Bookmarks of watches', of: 'sluice' },
  sluice_source_stale_events_total: {
    type: 'counter',
    labels: ['kind'],
    help: 'Events that had been seen before, and were passed over',
    of: 'sluice',
  },
  sluice_source_received_bytes_total: {
    type: 'counter',
    labels: ['kind'],
    help: 'Bytes of answers, as JSON',
    of: 'sluice',
  },
  sluice_source_objects: { type: 'gauge', labels: ['kind'], help: 'Objects that are held', of: 'sluice' },
  sluice_source_objects_with_problems: {
    type: 'gauge',
    labels: ['kind'],
    help: 'Objects that cannot be used, or only in part',
    of: 'sluice',
  },
  sluice_source_last_event_timestamp_seconds: {
    type: 'gauge',
    labels: ['kind'],
    help: 'When an event or a bookmark last came; API servers send a bookmark about every minute',
    of: 'sluice',
  },
  sluice_events_total: {
    type: 'counter',
    labels: ['result'],
    help: 'Kubernetes Events: created, counted (a repetition), limited (too many for one object), dropped (queue full, or the API server away) or refused',
    of: 'sluice',
  },
} as const satisfies Readonly<Record<string, MetricSpec>>
