import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { askInstance, controlSocketPath } from '../../src/observe/control-socket.ts'
import type { Status } from '../../src/observe/status.ts'
import { until } from '../lab/index.ts'

/** The command as users run it. */
export const SLUICE = fileURLToPath(new URL('../../bin/sluice', import.meta.url))

const INSTANCE = 'test'

/** How a process ended. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Where a process has its run directory. */
export interface Place {
  readonly runDirectory: string
  /** The arguments that say so. */
  readonly args: readonly string[]
}

/** A run directory; a new one unless told. */
export function placeOf(runDirectory = mkdtempSync(path.join(tmpdir(), 'sluice-run-'))): Place {
  return { runDirectory, args: ['--run-dir', runDirectory, '--instance', INSTANCE] }
}

/** A Sluice process that answers `sluice status`. */
export class SluiceProcess {
  readonly process: ChildProcess
  readonly runDirectory: string
  #output = ''
  readonly #ended: Promise<End>

  protected constructor(child: ChildProcess, { runDirectory }: Place) {
    this.process = child
    this.runDirectory = runDirectory
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString()
      })
    }
    this.#ended = new Promise<End>((resolve) => {
      child.once('close', (code, signal) => {
        resolve({ code, signal })
      })
    })
  }

  /** What it printed so far. */
  get output(): string {
    return this.#output
  }

  get socketPath(): string {
    return controlSocketPath(this.runDirectory, INSTANCE)
  }

  /** Waits until it serves its first state. @throws Error when it ends instead */
  async serving(timeoutMs = 30_000): Promise<this> {
    const isServing = async () => {
      if (this.process.exitCode !== null) throw new Error(`sluice ended:\n${this.output}`)
      return (await this.tryStatus())?.state === 'serving'
    }
    await until(isServing, { timeoutMs, everyMs: 5, what: 'sluice serving' })
    return this
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
