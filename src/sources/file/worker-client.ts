import { Worker } from 'node:worker_threads'
import { readError, SourceError } from '../error.ts'
import { Hydrator } from './hydrate.ts'
import { Pace } from './pace.ts'
import type { ReadReply, ReadRequest } from './parse-worker.ts'
import type { ReadUnit } from './unit.ts'

/** Beside this module when run from source, beside the bundle when bundled. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './parse-worker.ts' : './parse-worker.js', import.meta.url)

/** What one document of the largest size accepted needs; beyond it the worker ends and the main thread lives on. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 24 }
/** Milliseconds without an answer after which a text is given up as one that takes for ever. */
const PATIENCE_MS = 60_000

/** A thread that reads large files; to be closed when there is nothing more to read, so that its memory goes back. */
export class ParseWorker {
  readonly #worker = new Worker(WORKER, { name: 'sluice-parse', execArgv: [], resourceLimits: RESOURCE_LIMITS })
  readonly #hydrator = new Hydrator()
  readonly #replies: (ReadReply | Error)[] = []
  #wake: (() => void) | undefined
  #dead = false

  constructor() {
    this.#worker.on('message', (reply: ReadReply) => this.#take(reply))
    this.#worker.on('error', (error) => this.#take(error instanceof Error ? error : new Error(String(error))))
    this.#worker.on('exit', () => {
      this.#dead = true
      this.#take(new Error('the parser thread ended'))
    })
  }

  /** True when it failed and cannot be used any more. */
  get dead(): boolean {
    return this.#dead
  }

  /**
   * Reads a file; one at a time.
   *
   * @throws SourceError
   */
  async *read(request: ReadRequest): AsyncGenerator<ReadUnit[]> {
    this.#worker.postMessage(request)
    const pace = new Pace()
    let isAnswered = false
    try {
      while (!isAnswered) {
        // Many answers may be waiting; taken in one go they would block the main thread.
        if (pace.due) await pace.pause()
        const reply = await this.#next(request.path)
        if (reply instanceof Error) throw memoryError(request.path, reply)
        isAnswered = reply.type !== 'units'
        if (reply.type === 'failed') throw readError(request.path, reply.error)
        if (reply.type === 'units') yield this.#units(reply.json)
      }
    } finally {
      // Answers that nobody waits for must not be taken for those to the next request.
      if (!isAnswered) await this.close()
    }
  }

  async close(): Promise<void> {
    this.#dead = true
    await this.#worker.terminate()
  }

  #units(json: string): ReadUnit[] {
    const units = JSON.parse(json) as ReadUnit[]
    return units.map(({ digest, line, content }) => {
      if (content === undefined) return { digest, line, content }
      return { digest, line, content: this.#hydrator.content(content) }
    })
  }

  #take(reply: ReadReply | Error): void {
    this.#replies.push(reply)
    this.#wake?.()
  }

  async #next(path: string): Promise<ReadReply | Error> {
    const first = this.#replies.shift()
    if (first !== undefined) return first
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = setTimeout(resolve, PATIENCE_MS)
    })
    clearTimeout(timer)
    this.#wake = undefined
    return (
      this.#replies.shift() ??
      new SourceError('SOURCE_TOO_LARGE', path, `no answer from the parser in ${PATIENCE_MS / 1000} s`)
    )
  }
}

function memoryError(path: string, error: Error): SourceError {
  if (error instanceof SourceError) return error
  return new SourceError('SOURCE_TOO_LARGE', path, `took too much memory to read (${error.message})`, error)
}
