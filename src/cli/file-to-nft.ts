import { NftablesConnection } from '../kernel/nftables/connection.ts'
import type { Problem } from '../model/object.ts'
import { createLog, type Logger } from '../observe/log.ts'
import { problemText } from '../observe/status.ts'
import { DryRunPlane } from '../sinks/nft/dry-run.ts'
import { NftPlane } from '../sinks/nft/plane.ts'
import { FileSource } from '../sources/file/file-source.ts'
import { Store } from '../store/store.ts'
import type { DataPlane } from '../virtual-server/data-plane.ts'
import { Agent } from './agent.ts'
import { AgentHealth } from './agent-health.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { UsageError } from './failure.ts'
import { NodeAddresses } from './node-addresses.ts'
import { type AgentOptions, agentOptions, maxFileBytes, type RawOptions } from './options.ts'

/** `sluice file to-local to-nft`. */
export async function fileToNft(raw: RawOptions): Promise<ExitCode> {
  const options = agentOptions(raw)
  const inputs = raw.input ?? []
  if (inputs.length === 0) throw new UsageError('--input: give a file, a directory, or - for standard input')
  const limit = maxFileBytes(raw)
  // The text of a dry run goes to standard output, and must stay usable there.
  const log = createLog({
    level: raw.logLevel ?? 'info',
    format: raw.logFormat ?? (process.stdout.isTTY ? 'text' : 'json'),
    descriptor: options.dryRun ? 2 : 1,
  })
  const plane = await openPlane(options, log)
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
  // Reading addresses needs no root, so that a dry run shows the node's own.
  const addresses = new NodeAddresses(options.nodePortAddresses)
  const health = options.once || options.dryRun ? undefined : new AgentHealth({ ...options, log })
  const agent = new Agent({ options, log, store, source, plane, addresses, ...(health && { health }) })
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
  const { clusterCIDRs } = options
  if (options.dryRun) return new DryRunPlane({ clusterCIDRs, print: (text) => process.stdout.write(text) })
  const connection = NftablesConnection.open()
  await connection.generation()
  return new NftPlane({
    clusterCIDRs,
    connection,
    log: (message, error) => {
      if (error === undefined) log.warn(message)
      else log.warn({ err: error }, message)
    },
  })
}
