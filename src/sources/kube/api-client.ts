import http from 'node:http'
import https from 'node:https'
import { describe } from '../../model/parse/report.ts'
import { SourceError, type SourceErrorCode } from '../error.ts'
import type { ApiServer } from './api-server.ts'

/** Milliseconds after which a silent connection is probed; a watch over a dead one would wait for much longer. */
const KEEP_ALIVE_MS = 15_000
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

/** An object that is created, or a change of one, as a JSON merge patch. */
export interface ApiWrite {
  readonly method: 'POST' | 'PATCH'
  readonly value: unknown
}

/** One request and how the answer began, to be measured. */
export interface ApiAnswer {
  readonly method: string
  /** Host and port of the API server. */
  readonly host: string
  /** The HTTP status; `<error>` when there was no answer, as client-go has it. */
  readonly code: string
  /** Until the answer began, or failed. */
  readonly durationMs: number
}

const CONTENT_TYPES: Readonly<Record<ApiWrite['method'], string>> = {
  POST: 'application/json',
  PATCH: 'application/merge-patch+json',
}

/** Talks to an API server over kept connections. Every error is a SourceError that never names the credentials. */
export class ApiClient {
  readonly #server: ApiServer
  readonly #agent: http.Agent
  readonly #onAnswer: ((answer: ApiAnswer) => void) | undefined

  /** @param onAnswer told of each request when its answer begins, or cannot */
  constructor(server: ApiServer, onAnswer?: (answer: ApiAnswer) => void) {
    const { ca, cert, key, serverName, isInsecure = false } = server
    const options = { keepAlive: true }
    this.#server = server
    this.#onAnswer = onAnswer
    this.#agent =
      server.url.protocol === 'http:'
        ? new http.Agent(options)
        : new https.Agent({
            ...options,
            rejectUnauthorized: !isInsecure,
            ...(ca && { ca }),
            ...(cert && { cert }),
            ...(key && { key }),
            ...(serverName !== undefined && { servername: serverName }),
          })
  }

  close(): void {
    this.#agent.destroy()
  }

  /** The URL of a path, for messages. */
  origin(path: string): string {
    return `${this.#server.url.origin}${this.#path(path)}`
  }

  /** An answer as a whole. @throws SourceError */
  async json(options: RequestOptions): Promise<unknown> {
    const parts: string[] = []
    let length = 0
    for await (const part of this.#body(options)) {
      length += part.length
      if (length > MAX_CHARACTERS) throw this.#error('SOURCE_REFUSED', options, 'the answer is too large')
      parts.push(part)
    }
    return parseJson(parts.join(''), this.origin(options.path))
  }

  /** An answer line by line, as many at once as came at once; empty first of all, when it begins. @throws SourceError */
  async *jsonLines(options: RequestOptions): AsyncGenerator<unknown[]> {
    let rest = ''
    for await (const part of this.#body(options)) {
      const end = part.lastIndexOf('\n')
      const whole = end < 0 ? '' : rest + part.slice(0, end)
      rest = end < 0 ? rest + part : part.slice(end + 1)
      if (rest.length > MAX_CHARACTERS) throw this.#error('SOURCE_REFUSED', options, 'an event is too large')
      const lines = whole.split('\n').filter((line) => line !== '')
      yield lines.map((line) => parseJson(line, this.origin(options.path)))
    }
  }

  /** The text of a successful answer; an empty part first, when it begins. */
  async *#body(options: RequestOptions): AsyncGenerator<string> {
    const { deadlineMs, signal } = options
    const abort = new AbortController()
    const onAbort = () => abort.abort()
    signal.addEventListener('abort', onAbort)
    const late = () => abort.abort(this.#error('SOURCE_UNREACHABLE', options, `not ended after ${deadlineMs} ms`))
    const deadline = deadlineMs === undefined ? undefined : setTimeout(late, deadlineMs)
    let isWhole = false
    try {
      if (signal.aborted) onAbort()
      const response = await this.#request(options, abort)
      response.setEncoding('utf8')
      if (!isSuccess(response.statusCode)) throw await this.#refusal(options, response)
      yield ''
      for await (const part of response) {
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

  async #request(options: RequestOptions, abort: AbortController): Promise<http.IncomingMessage> {
    const { url, token } = this.#server
    const target = new URL(url)
    target.pathname = this.#path(options.path)
    target.search = new URLSearchParams(options.query).toString()
    const bearer = await token?.()
    const { write } = options
    const method = write?.method ?? 'GET'
    const headers = {
      ...(write && { 'content-type': CONTENT_TYPES[write.method] }),
      accept: 'application/json',
      'user-agent': 'sluice',
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    }
    const silent = (what: string) => () => abort.abort(this.#error('SOURCE_UNREACHABLE', options, what))
    const answer = setTimeout(silent(`no answer within ${options.answerMs} ms`), options.answerMs)
    const start = performance.now()
    let code = '<error>'
    try {
      const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
        const { request } = target.protocol === 'http:' ? http : https
        const pending = request(target, {
          method,
          agent: this.#agent,
          headers,
          timeout: options.idleMs,
          signal: abort.signal,
        })
          .on('response', resolve)
          .on('error', reject)
          .on('timeout', silent(`silent for ${options.idleMs} ms`))
        pending.setSocketKeepAlive(true, KEEP_ALIVE_MS)
        pending.end(write && JSON.stringify(write.value))
      })
      code = String(response.statusCode)
      return response
    } finally {
      clearTimeout(answer)
      this.#onAnswer?.({ method, host: target.host, code, durationMs: performance.now() - start })
    }
  }

  /** What the API server said in a Status object (meta/v1), or whoever stands in front of it in any other form. */
  async #refusal(options: RequestOptions, response: http.IncomingMessage): Promise<SourceError> {
    let text = ''
    for await (const part of response) {
      text += part as string
      if (text.length > 65_536) break
    }
    return this.statusError(options.path, response.statusCode ?? 0, statusOf(text))
  }

  /** The error that a Status object stands for. `code`: as in HTTP. */
  statusError(path: string, code: number, status: unknown): SourceError {
    const { message, details } = (status ?? {}) as { message?: unknown; details?: { causes?: unknown } | null }
    const causes = Array.isArray(details?.causes) ? (details.causes as ({ reason?: unknown } | null)[]) : []
    // The cluster's database was put back to an earlier state.
    const isFuture = causes.some((cause) => cause?.reason === 'ResourceVersionTooLarge')
    const said = typeof message === 'string' ? `: ${describe(message)}` : ''
    const kind = isFuture ? 'SOURCE_AHEAD' : (CODES[code] ?? 'SOURCE_REFUSED')
    return new SourceError(kind, this.origin(path), `the API server answered ${code}${said}`)
  }

  /** The server's own path goes first, as behind a gateway that serves several clusters. */
  #path(path: string): string {
    return this.#server.url.pathname.replace(/\/$/, '') + path
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

/** All that Node tries an address with may have failed, and then the sum has no message. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ')
  return error instanceof Error ? error.message : String(error)
}
