import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Namespace } from '../lab/index.ts'

const PROGRAM = fileURLToPath(new URL('./probe-process.ts', import.meta.url))

/** What a probe saw. Milliseconds. */
export interface ProbeReport {
  readonly answers: number
  /** Requests that were refused, broke, or were not answered with 200. */
  readonly failures: number
  readonly slowest: number
  readonly median: number
}

/** Where to ask: a path behind a unix socket, or a URL. */
export type ProbeTarget = { readonly socketPath: string; readonly path: string } | { readonly url: string }

/**
 * Gives a process precedence over others: how long it waits for a processor which others use is not what is measured. Of a
 * process that runs it is the main thread, which answers.
 */
export function prefer({ pid }: ChildProcess): void {
  if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_HIGH)
}

/** Asks again and again from a process of its own, so that what the test does meanwhile does not count. */
export class Probe {
  readonly #child: ChildProcess
  #output = ''

  private constructor(child: ChildProcess) {
    this.#child = child
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString()
    })
  }

  /** Starts it, and waits for the first answer. */
  static async start(namespace: Namespace, target: ProbeTarget): Promise<Probe> {
    const args = [PROGRAM, JSON.stringify(target)]
    const probe = new Probe(namespace.spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
    prefer(probe.#child)
    if (probe.#child.stdout !== null) await once(probe.#child.stdout, 'data')
    return probe
  }

  async stop(): Promise<ProbeReport> {
    const closed = once(this.#child, 'close')
    this.#child.stdin?.end()
    await closed
    return JSON.parse(this.#output.split('\n')[1] ?? '') as ProbeReport
  }
}
