import type { Problem } from '../model/object.ts'
import { selectsIPv4Loopback } from '../node/node-port-addresses.ts'
import { createLog, type Logger } from '../observe/log.ts'
import { problemText } from '../observe/status.ts'
import type { Source } from '../sources/source.ts'
import { Store } from '../store/store.ts'
import { Agent } from './agent.ts'
import { AgentHealth } from './agent-health.ts'
import type { AgentOptions } from './agent-options.ts'
import { Conntrack } from './conntrack.ts'
import { conntrackOptions } from './conntrack-options.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { logFormat } from './kube-proxy/effective.ts'
import { replacingKubeProxy } from './kube-proxy-leftovers.ts'
import { openNftPlane } from './nft-plane.ts'
import { NodeAddresses } from './node-addresses.ts'
import type { RawOptions } from './options.ts'

/** Makes the source that fills this store; `onProblem` is to be told each problem that is new, `onNotice` what else is worth knowing. */
export type SourceFactory = (
  store: Store,
  onProblem: (problem: Problem) => void,
  onNotice: (message: string) => void,
) => Source

/**
 * Begins what goes on beside serving; `end` ends the process with that code, as a signal does.
 *
 * @returns how it is ended
 */
export type Beside = (log: Logger, end: (code: ExitCode) => void) => { close(): void }

/** What serving may be given beside its options. */
export interface Extras {
  readonly beside?: Beside
}

/** Serves what a source gives with nftables, until a signal, or with `once` until it is in the kernel. @throws UsageError */
export async function toNft(
  raw: RawOptions,
  options: AgentOptions,
  makeSource: SourceFactory,
  { beside }: Extras = {},
): Promise<ExitCode> {
  const tracking = conntrackOptions(raw)
  // The text of a dry run goes to standard output, and must stay usable there.
  const log = createLog({
    level: raw.logLevel ?? 'info',
    format: logFormat(raw),
    descriptor: options.dryRun ? 2 : 1,
  })
  const opened = await openNftPlane(options, log)
  const plane = raw.cleanupKubeProxy && !options.dryRun ? replacingKubeProxy(opened, log) : opened
  const store = new Store()
  const onProblem = (problem: Problem) => {
    log[problem.severity === 'error' ? 'error' : 'warn'](problemText(problem))
  }
  const source = makeSource(store, onProblem, (message) => log.info(message))
  if (selectsIPv4Loopback(options.nodePortAddresses)) {
    log.warn('--nodeport-addresses: node ports are not served on loopback addresses, since nftables cannot')
  }
  // Reading addresses needs no root, so that a dry run shows the node's own.
  const addresses = new NodeAddresses(options.nodePortAddresses, options.nodeIP)
  const parts = { options, log, store, source, plane, addresses }
  const flows = !options.dryRun && { flows: new Conntrack(options, tracking, log) }
  const health = !options.dryRun && !options.once && { health: openHealth(options, log) }
  const agent = new Agent({ ...parts, ...flows, ...health })
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
function openHealth(options: AgentOptions, log: Logger): AgentHealth {
  const { syncPeriod } = options
  return new AgentHealth({ ...options, log, ...(syncPeriod > 0 && { timeoutMs: 2 * syncPeriod }) })
}
