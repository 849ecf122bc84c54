// What docs/reference/metrics.md says, made from the table that the metrics themselves are made of.
import { METRICS, type MetricSpec } from '../../src/observe/metric-table.ts'

/** The page's text. */
export function metricsReference(): string {
  return [
    HEAD,
    table('kube-proxy', "## kube-proxy's", KUBE_PROXY),
    table('client-go', "## client-go's", CLIENT_GO),
    table('sluice', "## Sluice's own", OWN),
    LEFT_OUT,
    EXAMPLES,
  ].join('\n\n')
}

function table(of: MetricSpec['of'], title: string, text: string): string {
  const rows = Object.entries<MetricSpec>(METRICS)
    .filter(([, spec]) => spec.of === of)
    .map(([name, { type, labels, help }]) => {
      return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help.replaceAll('<', '&lt;')} |`
    })
  return [title, '', text, '', '| name | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

const HEAD = `# Metrics

\`--metrics-bind-address\` (127.0.0.1:10249 unless told, empty for nowhere) serves, to GET and HEAD:

| path | what |
|---|---|
| \`/metrics\` | everything below, in Prometheus's text format |
| \`/metrics/slis\` | results of the health checks that somebody asked for (KEP-3466): \`kubernetes_healthcheck\` and \`kubernetes_healthchecks_total\`, with the name \`proxy\` for those of the health port and \`ping\` for the one here |
| \`/healthz\` | \`ok\`: the server is there. Whether the proxy keeps up is told on the health port: [health.md](health.md) |
| \`/proxyMode\` | \`nftables\`, as kube-proxy says it |

An address that is taken is a problem in \`sluice status\`, and is tried again every 5 seconds; with \`--bind-address-hard-fail\` Sluice
ends with exit code 5. Nothing is measured when nobody can ask, nor in a run with \`--once\` or \`--dry-run\`.`

const KUBE_PROXY = `Names, types, labels and buckets are those of kube-proxy 1.33 and later in its nftables mode, so that dashboards and alerts for it work.
\`ip_family\` is \`IPv4\` or \`IPv6\`. A sync is full when the table was read back and compared: at the start, after somebody else's
change, and after a failure. What an EndpointSlice tells of the time before Sluice started is not measured, nor what a slice that was
deleted told; of several changes of one slice in one sync the oldest counts. Changes are queued for both families at once, so that
both have the same last queued timestamp.`

const CLIENT_GO = `A watch counts when it begins.`

const OWN = `Besides, there are prom-client's standard metrics of the process (\`process_*\`) and of Node.js (\`nodejs_*\`), with the names of
Prometheus's other clients where these have them; \`nodejs_eventloop_lag_*\` is how long the event loop was held up.`

const LEFT_OUT = `## What kube-proxy has and Sluice has not

| metric | why |
|---|---|
| \`kubeproxy_sync_proxy_rules_iptables_*\`, \`kubeproxy_iptables_*\` | kube-proxy itself has them only in its iptables mode |
| \`kubeproxy_nftables_localhost_nodeport_*\` | node ports are not served on loopback addresses |
| \`go_*\` | there is no Go runtime; see \`nodejs_*\` |
| \`kubernetes_build_info\`, \`kubernetes_feature_enabled\` | they tell of a build of Kubernetes; see \`sluice_build_info\` |
| \`rest_client_*\` but for two | request sizes, rate limiter and retries of client-go; see \`sluice_source_*\` |`

const EXAMPLES = `## Scraping

The server listens on loopback. For a Prometheus that comes over the network, give Sluice \`--metrics-bind-address=0.0.0.0:10249\` (the
metrics name no Service, and whoever reaches the port can read them), and scrape every node as the job \`kube-proxy\`:

\`\`\`yaml
scrape_configs:
  - job_name: kube-proxy
    kubernetes_sd_configs: [{ role: node }]
    relabel_configs:
      - source_labels: [__meta_kubernetes_node_address_InternalIP]
        regex: (.+)
        target_label: __address__
        replacement: $1:10249
      - source_labels: [__meta_kubernetes_node_name]
        target_label: node
\`\`\`

## Alerts

\`\`\`yaml
groups:
  - name: sluice
    rules:
      - alert: SluiceDown
        expr: absent(up{job="kube-proxy"} == 1)
        for: 15m
        labels: { severity: critical }
        annotations: { summary: No instance is scraped }
      - alert: SluiceBehind
        expr: sluice_revision_seen > sluice_revision_served
        for: 2m
        labels: { severity: critical }
        annotations: { summary: The kernel does not have the changes of the cluster }
      - alert: SluiceSyncFails
        expr: increase(kubeproxy_sync_proxy_rules_nftables_sync_failures_total[10m]) > 3
        labels: { severity: warning }
        annotations: { summary: The kernel refuses what is to be served }
      - alert: SluiceApiServerAway
        expr: min by (instance) (sluice_source_connected) == 0
        for: 10m
        labels: { severity: warning }
        annotations: { summary: What was known is served; changes do not arrive }
      - alert: SluiceProblems
        expr: sluice_problems{severity="error"} > 0
        for: 15m
        labels: { severity: warning }
        annotations: { summary: Something is not served; sluice status says what and why }
      - alert: SluiceDrift
        expr: increase(sluice_drift_repaired_total[1h]) > 3
        labels: { severity: warning }
        annotations: { summary: Somebody else keeps changing the tables }
      - alert: SluiceSlowNetworkProgramming
        expr: histogram_quantile(0.99, sum by (le) (rate(kubeproxy_network_programming_duration_seconds_bucket[5m]))) > 20
        for: 10m
        labels: { severity: warning }
        annotations: { summary: Changes of pods take long to reach the kernel }
\`\`\`
`
