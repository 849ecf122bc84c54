import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { describe } from '../../model/parse/report.ts'
import { SourceError, type SourceErrorCode } from '../error.ts'
import type { ApiServer } from './api-server.ts'
import { type ApiAnswer, type ApiWrite, Connection } from './connection.ts'
import { messageOf } from './message.ts'
import { retryAfterMs } from './retry-after.ts'

/** Characters of one object or one page; more would be no answer of an API server (etcd takes 1.5 MiB an object). */
const MAX_CHARACTERS = 256 << 20

export interface RequestOptions {
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** What is written; absent when something is read. */
  readonly write?: ApiWrite
  /** Ends the request; what is thrown then does not matter. */
  readonly signal: AbortSignal
  /** Milliseconds until the answer must begin. */
  readonly answerMs: number
  /** Milliseconds without a byte after which the connection counts as dead. */
  readonly idleMs: number
  /** Milliseconds after which the request is ended in any case. */
  readonly deadlineMs?: number
  /** Told of what is received: bytes of text, as it is when nothing compresses it any more. */
  readonly onBytes?: (bytes: number) => void
}

/** Talks to an API server over kept connections. Every error is a SourceError that never names the credentials. */
export class ApiClient {
  readonly #connection: Connection
  readonly #acceptsGzip: boolean

  /** @param onAnswer told of each request when its answer begins, or cannot */
  constructor(server: ApiServer, onAnswer?: (answer: ApiAnswer) => void) {
    this.#connection = new Connection(server, onAnswer)
    this.#acceptsGzip = server.isUncompressed !== true
  }

  close(): void {
    this.#connection.close()
  }

  /** The URL of a path, for messages. */
  origin(path: string): string {
    return this.#connection.origin(path)
  }

  /** An answer as a whole. @throws SourceError */
  async json(options: RequestOptions): Promise<unknown> {
    const parts: string[] = []
    let length = 0
    const headers = this.#acceptsGzip ? { 'accept-encoding': 'gzip' } : {}
    for await (const part of this.#body(options, headers)) {
      length += part.length
      if (length > MAX_CHARACTERS) throw this.#error('SOURCE_REFUSED', options, 'the answer is too large')
      parts.push(part)
    }
    return parseJson(parts.join(''), this.origin(options.path))
  }

  /** An answer line by line, as many at once as came at once; empty first of all, when it begins. @throws SourceError */
  async *jsonLines(options: RequestOptions): AsyncGenerator<unknown[]> {
    let rest = ''
    for await (const part of this.#body(options, {})) {
      const end = part.lastIndexOf('\n')
      const whole = end < 0 ? '' : rest + part.slice(0, end)
      rest = end < 0 ? rest + part : part.slice(end + 1)
      if (rest.length > MAX_CHARACTERS) throw this.#error('SOURCE_REFUSED', options, 'an event is too large')
      const lines = whole.split('\n').filter((line) => line !== '')
      yield lines.map((line) => parseJson(line, this.origin(options.path)))
    }
  }

  /** The text of a successful answer; an empty part first, when it begins. */
  async *#body(options: RequestOptions, headers: Readonly<Record<string, string>>): AsyncGenerator<string> {
    const { deadlineMs, signal } = options
    const abort = new AbortController()
    const onAbort = () => abort.abort()
    signal.addEventListener('abort', onAbort)
    const late = () => abort.abort(this.#error('SOURCE_UNREACHABLE', options, `not ended after ${deadlineMs} ms`))
    const deadline = deadlineMs === undefined ? undefined : setTimeout(late, deadlineMs)
    let isWhole = false
    try {
      if (signal.aborted) onAbort()
      const question = { ...options, headers: { accept: 'application/json', ...headers } }
      const response = await this.#connection.ask(question, abort)
      const content = contentOf(response)
      if (!isSuccess(response.statusCode)) throw await this.#refusal(options, response, content)
      yield ''
      for await (const part of content) {
        options.onBytes?.(Buffer.byteLength(part as string))
        yield part as string
      }
      isWhole = true
    } catch (error) {
      if (error instanceof SourceError) throw error
      if (abort.signal.reason instanceof SourceError) throw abort.signal.reason
      throw this.#error('SOURCE_UNREACHABLE', options, messageOf(error), error)
    } finally {
      clearTimeout(deadline)
      signal.removeEventListener('abort', onAbort)
      // The reader may have gone away before the end. A connection whose answer is whole is kept for the next request.
      if (!isWhole) abort.abort()
    }
  }

  /** What the API server said in a Status object (meta/v1), or whoever stands in front of it in any other form. */
  async #refusal(options: RequestOptions, response: IncomingMessage, content: Readable): Promise<SourceError> {
    let text = ''
    for await (const part of content) {
      text += part as string
      if (text.length > 65_536) break
    }
    return this.statusError(options.path, response.statusCode ?? 0, statusOf(text), response.headers['retry-after'])
  }

  /** The error that a Status object stands for. `code`: as in HTTP. `retryAfter`: the header of this name, if there is one. */
  statusError(path: string, code: number, status: unknown, retryAfter?: string): SourceError {
    const { message, details } = (status ?? {}) as { message?: unknown; details?: Details | null }
    const causes = Array.isArray(details?.causes) ? (details.causes as ({ reason?: unknown } | null)[]) : []
    // The cluster's database was put back to an earlier state.
    const isFuture = causes.some((cause) => cause?.reason === 'ResourceVersionTooLarge')
    const said = typeof message === 'string' ? `: ${describe(message)}` : ''
    const kind = isFuture ? 'SOURCE_AHEAD' : (CODES[code] ?? 'SOURCE_REFUSED')
    const pauseMs = retryAfterMs(retryAfter ?? details?.retryAfterSeconds)
    return new SourceError(kind, this.origin(path), `the API server answered ${code}${said}`, undefined, pauseMs)
  }

  #error(code: SourceErrorCode, { path }: RequestOptions, message: string, cause?: unknown): SourceError {
    return new SourceError(code, this.origin(path), message, cause)
  }
}

function isSuccess(code = 0): boolean {
  return code >= 200 && code < 300
}

const CODES: Readonly<Record<number, SourceErrorCode>> = {
  400: 'SOURCE_INVALID',
  401: 'SOURCE_CREDENTIALS',
  403: 'SOURCE_CREDENTIALS',
  404: 'SOURCE_NOT_SERVED',
  410: 'SOURCE_EXPIRED',
  422: 'SOURCE_INVALID',
}

function parseJson(text: string, origin: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new SourceError('SOURCE_REFUSED', origin, 'the API server answered something that is no JSON')
  }
}

function statusOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The text of an answer; its errors are those of the connection, too. */
function contentOf(response: IncomingMessage): Readable {
  const isGzip = response.headers['content-encoding'] === 'gzip'
  const content = isGzip ? pipeline(response, createGunzip(), () => undefined) : response
  return content.setEncoding('utf8')
}

/** Of a Status object. */
interface Details {
  readonly causes?: unknown
  readonly retryAfterSeconds?: unknown
}
