import type { Problem } from '../model/object.ts'
import { selectsIPv4Loopback } from '../node/node-port-addresses.ts'
import { NodeView } from '../node/view.ts'
import { createLog, type Logger } from '../observe/log.ts'
import { Store } from '../store/store.ts'
import { Agent, type AgentParts } from './agent.ts'
import { AgentHealth } from './agent-health.ts'
import type { AgentOptions } from './agent-options.ts'
import { Conntrack } from './conntrack.ts'
import { conntrackOptions } from './conntrack-options.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { replacingKubeProxy } from './kube-proxy-leftovers.ts'
import { openNftPlane } from './nft-plane.ts'
import { NodeAddresses } from './node-addresses.ts'
import type { RawOptions } from './options.ts'
import { logProblems, type SourceFactory } from './source-factory.ts'

/** Opens what the agent is fed from; `onProblem` is to be told each problem that is new. */
export type OpenState = (onProblem: (problem: Problem) => void) => Pick<AgentParts, 'source' | 'state'>

/** The state that this node makes by itself, out of the whole cluster's. */
export function fromCluster(nodeName: string, makeSource: SourceFactory): OpenState {
  return (onProblem) => {
    const store = new Store()
    return { source: makeSource(store, onProblem), state: new NodeView(store, nodeName) }
  }
}

/** Serves what a source gives with nftables, until a signal, or with `once` until it is in the kernel. @throws UsageError */
export async function toNft(raw: RawOptions, options: AgentOptions, open: OpenState): Promise<ExitCode> {
  const tracking = conntrackOptions(raw)
  // The text of a dry run goes to standard output, and must stay usable there.
  const log = createLog({
    level: raw.logLevel ?? 'info',
    format: raw.logFormat ?? (process.stdout.isTTY ? 'text' : 'json'),
    descriptor: options.dryRun ? 2 : 1,
  })
  const opened = await openNftPlane(options, log)
  const plane = raw.cleanupKubeProxy && !options.dryRun ? replacingKubeProxy(opened, log) : opened
  const { source, state } = open(logProblems(log))
  if (selectsIPv4Loopback(options.nodePortAddresses)) {
    log.warn('--nodeport-addresses: node ports are not served on loopback addresses, since nftables cannot')
  }
  // Reading addresses needs no root, so that a dry run shows the node's own.
  const addresses = new NodeAddresses(options.nodePortAddresses)
  const parts = { options, log, source, state, plane, addresses }
  const flows = !options.dryRun && { flows: new Conntrack(options, tracking, log) }
  const health = !options.dryRun && !options.once && { health: openHealth(options, log) }
  const agent = new Agent({ ...parts, ...flows, ...health })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping; the rules stay in the kernel')
      agent.stop()
    })
  }
  await agent.run()
  const isComplete = agent.problems().every((problem) => problem.severity !== 'error')
  return options.once && !isComplete ? EXIT.skipped : EXIT.ok
}

/** An update may be two sync periods late (promise 85); when nothing is checked periodically, the default counts. */
function openHealth(options: AgentOptions, log: Logger): AgentHealth {
  const { syncPeriod } = options
  return new AgentHealth({ ...options, log, ...(syncPeriod > 0 && { timeoutMs: 2 * syncPeriod }) })
}
