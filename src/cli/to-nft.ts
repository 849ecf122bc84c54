import type { Problem } from '../model/object.ts'
import { selectsIPv4Loopback } from '../node/node-port-addresses.ts'
import { NodeView } from '../node/view.ts'
import { EventRecorder, type EventSender } from '../observe/events.ts'
import { createLog, type Logger } from '../observe/log.ts'
import { problemText } from '../observe/status.ts'
import type { ApiAnswer } from '../sources/kube/connection.ts'
import type { ReflectorCounts } from '../sources/kube/counts.ts'
import type { Source } from '../sources/source.ts'
import type { LocalState } from '../store/local-state.ts'
import { Store } from '../store/store.ts'
import { Agent } from './agent.ts'
import { AgentEvents } from './agent-events.ts'
import { AgentHealth } from './agent-health.ts'
import { AgentMetrics } from './agent-metrics.ts'
import type { AgentOptions } from './agent-options.ts'
import { Conntrack } from './conntrack.ts'
import { conntrackOptions } from './conntrack-options.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import type { KubeProxyConfiguration } from './kube-proxy/configuration.ts'
import { configurationPages, logFormat } from './kube-proxy/effective.ts'
import { replacingKubeProxy } from './kube-proxy-leftovers.ts'
import { MetricsServer, type MetricsServerOptions } from './metrics-server.ts'
import { openNftPlane } from './nft-plane.ts'
import { NodeAddresses } from './node-addresses.ts'
import type { RawOptions } from './options.ts'

/** What a source is to tell, and whom. */
export interface SourceListeners {
  /** Each problem that is new. */
  readonly onProblem: (problem: Problem) => void
  /** What is worth knowing, and no problem. */
  readonly onNotice: (message: string) => void
  /** Each request to an API server; absent when nobody measures. */
  readonly onAnswer?: (answer: ApiAnswer) => void
}

/** A source that may tell what it has done, kind by kind. */
export interface CountingSource extends Source {
  counts?(): readonly ReflectorCounts[]
}

/** Makes the source that fills this store. */
export type SourceFactory = (store: Store, listeners: SourceListeners) => CountingSource

/** What an agent is fed from. */
export interface AgentFeed {
  readonly source: CountingSource
  /** What the source says that the node must do. */
  readonly state: LocalState
}

/** The state that this node makes by itself, out of the whole cluster's. */
export function fromCluster(
  { nodeName, proxyName }: Pick<AgentOptions, 'nodeName' | 'proxyName'>,
  makeSource: SourceFactory,
) {
  return (listeners: SourceListeners): AgentFeed => {
    const store = new Store()
    return { source: makeSource(store, listeners), state: new NodeView(store, nodeName, proxyName) }
  }
}

/** Logs what a source tells. */
export function logListeners(log: Logger): Pick<SourceListeners, 'onProblem' | 'onNotice'> {
  return {
    onProblem: (problem) => log[problem.severity === 'error' ? 'error' : 'warn'](problemText(problem)),
    onNotice: (message) => log.info(message),
  }
}

/** Where a command gets the state from, and where it writes about it. */
export interface ClusterDoor {
  open(listeners: SourceListeners): AgentFeed
  /** Where Kubernetes Events go; undefined, or absent, for nowhere. */
  events?(listeners: Pick<SourceListeners, 'onAnswer'>): EventSender | undefined
}

/**
 * Begins what goes on beside serving; `end` ends the process with that code, as a signal does.
 *
 * @returns how it is ended
 */
export type Beside = (log: Logger, end: (code: ExitCode) => void) => { close(): void }

/** What serving may be given beside its options. */
export interface Extras {
  readonly beside?: Beside
  /** What kube-proxy's configuration file and flags say; by default nothing. */
  readonly configuration?: KubeProxyConfiguration
}

/** Serves what a source gives with nftables, until a signal, or with `once` until it is in the kernel. @throws UsageError */
export async function toNft(
  raw: RawOptions,
  options: AgentOptions,
  door: ClusterDoor,
  { beside, configuration }: Extras = {},
): Promise<ExitCode> {
  const tracking = conntrackOptions(raw)
  // The text of a dry run goes to standard output, and must stay usable there.
  const log = createLog({
    level: raw.logLevel ?? 'info',
    format: logFormat(raw),
    descriptor: options.dryRun ? 2 : 1,
  })
  const lasts = !options.dryRun && !options.once
  const metrics = lasts && options.metricsAddress !== undefined ? new AgentMetrics() : undefined
  const opened = await openNftPlane(options, log, metrics)
  const plane = raw.cleanupKubeProxy && !options.dryRun ? replacingKubeProxy(opened, log) : opened
  const onAnswer = metrics && { onAnswer: (answer: ApiAnswer) => metrics.asked(answer) }
  const { source, state } = door.open({ ...logListeners(log), ...onAnswer })
  if (selectsIPv4Loopback(options.nodePortAddresses)) {
    log.warn('--nodeport-addresses: node ports are not served on loopback addresses, since nftables cannot')
  }
  // Reading addresses needs no root, so that a dry run shows the node's own.
  const addresses = new NodeAddresses(options.nodePortAddresses, options.nodeIP)
  const parts = { options, log, source, state, plane, addresses }
  const onCleaned = metrics?.flowsCleaned.bind(metrics)
  const flows = !options.dryRun && { flows: new Conntrack(options, tracking, log, onCleaned) }
  const health = lasts && { health: openHealth(options, log, metrics) }
  const companions = [
    metricsServer(options, { log, store: state, source, metrics, pages: configurationPages(raw, configuration) }),
    lasts && eventWriter(options, log, door.events?.({ ...onAnswer }), metrics),
  ].filter((it) => !!it)
  const agent = new Agent({ ...parts, ...flows, ...health, ...(metrics && { metrics }), companions })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping; the rules stay in the kernel')
      agent.stop()
    })
  }
  let code: ExitCode = EXIT.ok
  const besides = beside?.(log, (wanted) => {
    code = wanted
    agent.stop()
  })
  try {
    await agent.run()
  } finally {
    besides?.close()
  }
  const isComplete = agent.problems().every((problem) => problem.severity !== 'error')
  return options.once && !isComplete ? EXIT.skipped : code
}

/** An update may be two sync periods late (promise 85); when nothing is checked periodically, the default counts. */
function openHealth(options: AgentOptions, log: Logger, metrics: AgentMetrics | undefined): AgentHealth {
  const { syncPeriod } = options
  const onAnswer = metrics?.healthAnswered.bind(metrics)
  return new AgentHealth({ ...options, log, onAnswer, ...(syncPeriod > 0 && { timeoutMs: 2 * syncPeriod }) })
}

/** Writes Kubernetes Events; undefined when there is nobody to write to. */
function eventWriter(
  { nodeName }: AgentOptions,
  log: Logger,
  sender: EventSender | undefined,
  metrics: AgentMetrics | undefined,
): AgentEvents | undefined {
  const onResult = metrics?.recorded.bind(metrics)
  return sender && new AgentEvents(new EventRecorder({ sender, log, onResult }), nodeName)
}

/** kube-proxy's server for operators; undefined for nowhere. */
function metricsServer(
  { metricsAddress: address, bindAddressHardFail }: AgentOptions,
  {
    metrics,
    ...parts
  }: Pick<MetricsServerOptions, 'log' | 'store' | 'source' | 'pages'> & { readonly metrics: AgentMetrics | undefined },
): MetricsServer | undefined {
  if (address === undefined || metrics === undefined) return undefined
  return new MetricsServer({ ...parts, metrics, address, bindAddressHardFail })
}
