import { type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Namespace } from '../lab/index.ts'
import type { Command, ProcessOptions, Report, Traffic } from './process-messages.ts'

const PROGRAM = new URL('./process.ts', import.meta.url).pathname

/** An API server in a process and a network namespace, with a large cluster that can be made to change. */
export class ApiServerProcess {
  readonly url: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }

  static async start(namespace: Namespace, options: ProcessOptions): Promise<ApiServerProcess> {
    const args = ['--max-old-space-size=4096', PROGRAM, JSON.stringify(options)]
    const child = namespace.spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const report = await next(child)
    if (report.kind !== 'listening') throw new Error(`the API server said ${report.kind}`)
    return new ApiServerProcess(child, report.url)
  }

  async churn(perSecond: number): Promise<void> {
    await this.#ask({ kind: 'churn', perSecond }, 'done')
  }

  /** Changes what is easily seen in the kernel: the only IPv6 endpoint. `at`: nanoseconds of the monotonic clock. */
  async mark(): Promise<{ readonly address: string; readonly at: bigint }> {
    const { address, at } = await this.#ask({ kind: 'mark' }, 'marked')
    return { address, at: BigInt(at) }
  }

  /** All requests so far. */
  async traffic(): Promise<readonly Traffic[]> {
    return (await this.#ask({ kind: 'traffic' }, 'traffic')).traffic
  }

  /** Ends the changes and writes all objects to a file. @returns how many changes there were. */
  async rest(file: string): Promise<number> {
    return (await this.#ask({ kind: 'rest', file }, 'rested')).changes
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill()
    await ended
  }

  async #ask<K extends Report['kind']>(command: Command, kind: K): Promise<Extract<Report, { kind: K }>> {
    const answer = next(this.#child)
    this.#child.send(command)
    const report = await answer
    if (report.kind !== kind) throw new Error(`the API server said ${report.kind} to ${command.kind}`)
    return report as Extract<Report, { kind: K }>
  }
}

async function next(child: ChildProcess): Promise<Report> {
  const ended = new AbortController()
  const end = () => ended.abort(new Error('the API server ended'))
  child.once('exit', end)
  try {
    const [report] = (await once(child, 'message', { signal: ended.signal })) as [Report]
    return report
  } finally {
    child.off('exit', end)
  }
}
