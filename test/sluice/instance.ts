import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { NftablesConnection } from '../../src/kernel/nftables/connection.ts'
import { askInstance, controlSocketPath } from '../../src/observe/control-socket.ts'
import type { Status } from '../../src/observe/status.ts'
import { type Namespace, until } from '../lab/index.ts'

/** The command as users run it. */
export const SLUICE = fileURLToPath(new URL('../../bin/sluice', import.meta.url))

const INSTANCE = 'test'

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

/** How a process ended. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A `sluice file to-local to-nft` process in a namespace, or one with another source. */
export class Instance {
  readonly process: ChildProcess
  readonly runDirectory: string
  readonly #output: { text: string }
  readonly #ended: Promise<End>

  private constructor(child: ChildProcess, runDirectory: string, output: { text: string }, ended: Promise<End>) {
    this.process = child
    this.runDirectory = runDirectory
    this.#output = output
    this.#ended = ended
  }

  /** Starts it without waiting for anything. */
  static spawn(namespace: Namespace, options: InstanceOptions): Instance {
    const runDirectory = options.runDirectory ?? mkdtempSync(path.join(tmpdir(), 'sluice-run-'))
    const inputs = [options.input ?? []].flat().flatMap((input) => ['--input', input])
    const source = options.source ?? ['file', ...inputs]
    const place = ['--run-dir', runDirectory, '--instance', INSTANCE]
    // The limit is one for the whole machine: from within a lab it could not be changed, and that would be reported.
    const limits = ['--conntrack-max-per-core', '0']
    // `local` is what `to-local` makes of the other sources.
    const words = source[0] === 'local' ? ['to-nft'] : ['to-local', 'to-nft']
    const [command, ...before] = options.command ?? [SLUICE]
    const args = [...before, ...source, ...words, ...place, ...limits, ...(options.args ?? [])]
    const child = namespace.spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const output = { text: '' }
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output.text += chunk.toString()
      })
    }
    const ended = new Promise<End>((resolve) => {
      child.once('close', (code, signal) => {
        resolve({ code, signal })
      })
    })
    return new Instance(child, runDirectory, output, ended)
  }

  /** Starts it and waits until the first state is in the kernel. */
  static async start(namespace: Namespace, options: InstanceOptions): Promise<Instance> {
    const instance = Instance.spawn(namespace, options)
    const isServing = async () => {
      if (instance.process.exitCode !== null) throw new Error(`sluice ended:\n${instance.output}`)
      return (await instance.tryStatus())?.state === 'serving'
    }
    await until(isServing, { timeoutMs: options.timeoutMs ?? 30_000, everyMs: 5, what: 'sluice serving' })
    return instance
  }

  /** What it printed so far. */
  get output(): string {
    return this.#output.text
  }

  get socketPath(): string {
    return controlSocketPath(this.runDirectory, INSTANCE)
  }

  async status(): Promise<Status> {
    return JSON.parse(await askInstance(this.runDirectory, INSTANCE, 'GET', '/status')) as Status
  }

  /** Undefined while nobody answers. */
  async tryStatus(): Promise<Status | undefined> {
    return this.status().catch(() => undefined)
  }

  /** Waits until the status is as wanted. */
  async waitFor(what: string, check: (status: Status) => boolean, timeoutMs = 10_000): Promise<Status> {
    return until(
      async () => {
        const status = await this.status()
        return check(status) ? status : undefined
      },
      { timeoutMs, everyMs: 2, what },
    )
  }

  async ended(): Promise<End> {
    return this.#ended
  }

  /** Ends it with a signal; the rules stay. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<End> {
    this.process.kill(signal)
    return this.#ended
  }

  /** Ends it and removes its run directory. */
  async dispose(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.stop('SIGKILL')
    rmSync(this.runDirectory, { recursive: true, force: true })
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
