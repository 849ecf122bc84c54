import { release } from 'node:os'
import { NftablesConnection } from '../kernel/nftables/connection.ts'
import type { Problem } from '../model/object.ts'
import { selectsIPv4Loopback } from '../node/node-port-addresses.ts'
import { createLog, type Logger } from '../observe/log.ts'
import { problemText } from '../observe/status.ts'
import { DryRunPlane } from '../sinks/nft/dry-run.ts'
import type { TrafficOptions } from '../sinks/nft/family-state.ts'
import { NftPlane } from '../sinks/nft/plane.ts'
import { FileSource } from '../sources/file/file-source.ts'
import { Store } from '../store/store.ts'
import type { DataPlane } from '../virtual-server/data-plane.ts'
import { Agent } from './agent.ts'
import { AgentHealth } from './agent-health.ts'
import { Conntrack } from './conntrack.ts'
import { conntrackOptions } from './conntrack-options.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { UsageError } from './failure.ts'
import { replacingKubeProxy } from './kube-proxy-leftovers.ts'
import { NodeAddresses } from './node-addresses.ts'
import { type AgentOptions, agentOptions, maxFileBytes, type RawOptions } from './options.ts'

/** What counts when nothing is checked periodically. */
const DEFAULT_SYNC_PERIOD_MS = 30_000

/** `sluice file to-local to-nft`. */
export async function fileToNft(raw: RawOptions): Promise<ExitCode> {
  const options = agentOptions(raw)
  const inputs = raw.input ?? []
  if (inputs.length === 0) throw new UsageError('--input: give a file, a directory, or - for standard input')
  const limit = maxFileBytes(raw)
  const tracking = conntrackOptions(raw)
  // The text of a dry run goes to standard output, and must stay usable there.
  const log = createLog({
    level: raw.logLevel ?? 'info',
    format: raw.logFormat ?? (process.stdout.isTTY ? 'text' : 'json'),
    descriptor: options.dryRun ? 2 : 1,
  })
  const opened = await openPlane(options, log)
  const plane = raw.cleanupKubeProxy && !options.dryRun ? replacingKubeProxy(opened, log) : opened
  const flows = options.dryRun ? {} : { flows: new Conntrack(options, tracking, log) }
  const store = new Store()
  const source = new FileSource({
    store,
    inputs,
    follow: !options.once,
    maxFileBytes: limit,
    onProblem: (problem: Problem) => {
      log[problem.severity === 'error' ? 'error' : 'warn'](problemText(problem))
    },
  })
  if (selectsIPv4Loopback(options.nodePortAddresses)) {
    log.warn('--nodeport-addresses: node ports are not served on loopback addresses, since nftables cannot')
  }
  // Reading addresses needs no root, so that a dry run shows the node's own.
  const addresses = new NodeAddresses(options.nodePortAddresses)
  const health =
    options.once || options.dryRun ? undefined : new AgentHealth({ ...options, log, timeoutMs: healthTimeout(options) })
  const agent = new Agent({ options, log, store, source, plane, addresses, ...flows, ...(health && { health }) })
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

/** Fails before anything is read when the kernel cannot be programmed. */
async function openPlane(options: AgentOptions, log: Logger): Promise<DataPlane> {
  const traffic = trafficOptions(options)
  if (options.dryRun) return new DryRunPlane({ ...traffic, print: (text) => process.stdout.write(text) })
  const connection = NftablesConnection.open()
  await connection.generation()
  return new NftPlane({
    ...traffic,
    ownTables: ownTables(options),
    connection,
    log: (message, error) => {
      if (error === undefined) log.warn(message)
      else log.warn({ err: error }, message)
    },
  })
}

function trafficOptions({ detectLocal, conntrackTcpBeLiberal }: AgentOptions): TrafficOptions {
  const dropInvalid = !conntrackTcpBeLiberal
  switch (detectLocal.mode) {
    case 'ClusterCIDR':
      return { clusterCIDRs: detectLocal.cidrs, dropInvalid }
    case 'NodeCIDR':
      // The agent tells them as it gets to know them.
      return { clusterCIDRs: [], dropInvalid }
    default:
      return { clusterCIDRs: [], podInterface: detectLocal, dropInvalid }
  }
}

/** @throws UsageError on a kernel that has no tables that outlive their owner. */
function ownTables({ ownTables: isWanted }: AgentOptions): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  if (isWanted && (major < 6 || (major === 6 && minor < 9))) {
    throw new UsageError(`--own-tables needs Linux 6.9 or later; this is ${release()}`)
  }
  return isWanted
}

/** How late an update may be (promise 85). Milliseconds. */
function healthTimeout({ syncPeriod }: AgentOptions): number {
  return 2 * (syncPeriod || DEFAULT_SYNC_PERIOD_MS)
}
