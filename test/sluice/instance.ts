import { NftablesConnection } from '../../src/kernel/nftables/connection.ts'
import type { Namespace } from '../lab/index.ts'
import { placeOf, SLUICE, SluiceProcess } from './process.ts'

export interface InstanceOptions {
  /** What `--input` names, when the source is files. */
  readonly input?: string | readonly string[]
  /** The words of another source, and its options. */
  readonly source?: readonly string[]
  /** Further arguments. */
  readonly args?: readonly string[]
  /** Milliseconds until the first state must be served; 30,000 by default. */
  readonly timeoutMs?: number
  /** What is run, before all arguments, instead of the command. */
  readonly command?: readonly [string, ...string[]]
  /** Take over the run directory of an instance that ended. */
  readonly runDirectory?: string
}

/** A `sluice file to-local to-nft` process in a namespace, or one with another source. */
export class Instance extends SluiceProcess {
  /** Starts it without waiting for anything. */
  static spawn(namespace: Namespace, options: InstanceOptions): Instance {
    const place = placeOf(options.runDirectory)
    const inputs = [options.input ?? []].flat().flatMap((input) => ['--input', input])
    const source = options.source ?? ['file', ...inputs]
    // The limit is one for the whole machine: from within a lab it could not be changed, and that would be reported.
    const limits = ['--conntrack-max-per-core', '0']
    // `local` is what `to-local` makes of the other sources.
    const words = source[0] === 'local' ? ['to-nft'] : ['to-local', 'to-nft']
    const [command, ...before] = options.command ?? [SLUICE]
    const args = [...before, ...source, ...words, ...place.args, ...limits, ...(options.args ?? [])]
    return new Instance(namespace.spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] }), place)
  }

  /** Starts it and waits until the first state is in the kernel. */
  static async start(namespace: Namespace, options: InstanceOptions): Promise<Instance> {
    return Instance.spawn(namespace, options).serving(options.timeoutMs)
  }
}

/** What Sluice's tables hold in a namespace. */
export interface TableCounts {
  readonly chains: number
  readonly rules: number
  readonly sets: number
}

/** Counts over both families. */
export async function countTables(namespace: Namespace): Promise<TableCounts> {
  const connection = namespace.inNamespace(() => NftablesConnection.open())
  const counts = { chains: 0, rules: 0, sets: 0 }
  for (const family of ['ip', 'ip6'] as const) {
    const state = await connection.readTable({ family, name: 'sluice' })
    counts.chains += state?.chains.length ?? 0
    counts.rules += state?.rules.length ?? 0
    counts.sets += state?.sets.length ?? 0
  }
  connection.close()
  return counts
}
