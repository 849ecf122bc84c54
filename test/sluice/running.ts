import type { ChildProcess } from 'node:child_process'
import { type Namespace, until } from '../lab/index.ts'

/** Long, for a machine that has much else to do. */
const PATIENCE = { timeoutMs: 30_000, everyMs: 20 }

/** A program that runs in a namespace until it is stopped, and what it prints. */
export class Running {
  readonly process: ChildProcess
  /** Standard output. */
  output = ''
  /** Standard error. */
  errors = ''
  readonly #ended: Promise<number | null>

  constructor(namespace: Namespace, command: string, args: string[]) {
    this.process = namespace.spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.process.stdout?.on('data', (chunk: Buffer) => {
      this.output += chunk.toString()
    })
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString()
    })
    this.#ended = new Promise((resolve) => this.process.once('close', (code) => resolve(code)))
  }

  /** Waits until that is so. @throws Error when it ends before, or it takes too long */
  async until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const check = async () => {
      if (await isSo()) return true
      if (this.process.exitCode !== null) throw new Error(`it ended before ${what}:\n${this.output}\n${this.errors}`)
      return false
    }
    await until(check, { ...PATIENCE, what }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.output}\n${this.errors}`)
    })
  }

  /** Ends it. @returns its exit code; null when the signal killed it */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.process.kill(signal)
    return this.#ended
  }

  async ended(): Promise<number | null> {
    return this.#ended
  }
}
