import http from 'node:http'
import https from 'node:https'
import { isDeepStrictEqual } from 'node:util'
import { SourceError } from '../error.ts'
import type { ApiServer } from './api-server.ts'
import type { Credential } from './credentials/credential.ts'
import { agentOptions, trustSystem } from './proxy.ts'

/** Milliseconds after which a silent connection is probed; a watch over a dead one would wait for much longer. */
const KEEP_ALIVE_MS = 15_000
/** Milliseconds until an address must have answered; a dead node's never does. */
const CONNECT_MS = 10_000

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

/** What is asked. */
export interface Question {
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: http.OutgoingHttpHeaders
  /** What is written; absent when something is read. */
  readonly write?: ApiWrite
  /** Milliseconds until the answer must begin. */
  readonly answerMs: number
  /** Milliseconds without a byte after which the connection counts as dead. */
  readonly idleMs: number
}

/** One of the API servers. */
interface Endpoint {
  readonly url: URL
  readonly agent: http.Agent
}

/** What was shown to the API server. */
interface Identity {
  readonly certificate: Credential | undefined
  readonly credential: Credential | undefined
}

/**
 * Asks an API server over kept connections, and another one when that cannot be reached. Certificates and tokens are those
 * of the moment: a connection with an old certificate is not used again.
 */
export class Connection {
  readonly #server: ApiServer
  readonly #onAnswer: ((answer: ApiAnswer) => void) | undefined
  readonly #endpoints: readonly [Endpoint, ...Endpoint[]]
  /** Index of the one that is asked. */
  #current = 0

  /** @param onAnswer told of each request when its answer begins, or cannot */
  constructor(server: ApiServer, onAnswer?: (answer: ApiAnswer) => void) {
    const endpointOf = (url: URL): Endpoint => ({ url, agent: agentFor(url, server) })
    this.#server = server
    this.#onAnswer = onAnswer
    this.#endpoints = [endpointOf(server.url), ...(server.others ?? []).map(endpointOf)]
    const isTls = this.#endpoints.some(({ url }) => url.protocol === 'https:')
    if (isTls && server.ca === undefined && !server.isInsecure) trustSystem()
  }

  close(): void {
    for (const { agent } of this.#endpoints) agent.destroy()
    this.#server.certificate?.close()
    this.#server.credentials?.close()
  }

  /** The URL of a path, for messages. */
  origin(path: string): string {
    return originOf((this.#endpoints[this.#current] ?? this.#endpoints[0]).url, path)
  }

  /**
   * The beginning of an answer, whatever its status. Nothing is redirected. What is answered with 401 is asked again when there
   * are other credentials than those that were shown.
   *
   * @param abort ends it, its answer too; aborted from here with a SourceError when the connection is dead.
   */
  async ask(question: Question, abort: AbortController): Promise<http.IncomingMessage> {
    const shown = await this.#identity(abort.signal)
    const response = await this.#askAny(question, shown, abort)
    if (response.statusCode !== 401) return response
    if (shown.certificate) this.#server.certificate?.forget(shown.certificate)
    if (shown.credential) this.#server.credentials?.forget(shown.credential)
    const fresh = await this.#identity(abort.signal)
    if (isDeepStrictEqual(shown, fresh)) return response
    response.resume()
    return this.#askAny(question, fresh, abort)
  }

  /** Asks one API server after the other until one answers, and begins with that the next time. */
  async #askAny(question: Question, identity: Identity, abort: AbortController): Promise<http.IncomingMessage> {
    const options = { headers: this.#headers(question, identity), ...(await this.#tls(identity)) }
    const failures: unknown[] = []
    const first = this.#current
    for (let i = first; i < first + this.#endpoints.length; i++) {
      const index = i % this.#endpoints.length
      try {
        const endpoint = this.#endpoints[index] ?? this.#endpoints[0]
        const response = await this.#measured(endpoint, question, async () =>
          askOne(endpoint, question, options, abort),
        )
        this.#current = index
        return response
      } catch (error) {
        if (abort.signal.aborted) throw error
        failures.push(error)
      }
    }
    throw failures.length === 1 ? failures[0] : new AggregateError(failures)
  }

  /** Tells how long the API server took to begin its answer. */
  async #measured(
    { url: { host } }: Endpoint,
    { write }: Question,
    ask: () => Promise<http.IncomingMessage>,
  ): Promise<http.IncomingMessage> {
    const start = performance.now()
    const method = write?.method ?? 'GET'
    let code = '<error>'
    try {
      const response = await ask()
      code = String(response.statusCode)
      return response
    } finally {
      this.#onAnswer?.({ method, host, code, durationMs: performance.now() - start })
    }
  }

  #headers(question: Question, { credential }: Identity): http.OutgoingHttpHeaders {
    const { authorization } = credential ?? {}
    const who = { ...this.#server.headers, ...(authorization !== undefined && { authorization }) }
    // Node wants a list that it could change.
    const own = Object.entries(who).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]])
    const content = question.write && { 'content-type': CONTENT_TYPES[question.write.method] }
    return {
      ...question.headers,
      ...content,
      ...(Object.fromEntries(own) as http.OutgoingHttpHeaders),
      'user-agent': 'sluice',
    }
  }

  /** What a connection must have been made with to be used: Node keeps those apart that differ in it. */
  async #tls({ certificate, credential }: Identity): Promise<https.RequestOptions> {
    const ca = await this.#server.ca?.get()
    const { cert, key } = credential?.cert === undefined ? (certificate ?? {}) : credential
    return { ...(ca && { ca }), ...(cert && key && { cert, key }) }
  }

  async #identity(signal: AbortSignal): Promise<Identity> {
    const { certificate, credentials } = this.#server
    const both = Promise.all([certificate?.get(), credentials?.get()])
    const [shownCertificate, credential] = await unlessAborted(both, signal)
    return { certificate: shownCertificate, credential }
  }
}

function agentFor(url: URL, { isInsecure = false, serverName, proxy }: ApiServer): http.Agent {
  const options = { keepAlive: true, ...agentOptions(proxy?.(url)) }
  if (url.protocol === 'http:') return new http.Agent(options)
  const name = serverName === undefined ? {} : { servername: serverName }
  return new https.Agent({ ...options, rejectUnauthorized: !isInsecure, ...name })
}

/** @throws whatever kept the API server from answering; a SourceError when time did. */
async function askOne(
  { agent, url }: Endpoint,
  { path, query, write, answerMs, idleMs }: Question,
  options: https.RequestOptions,
  abort: AbortController,
): Promise<http.IncomingMessage> {
  const target = new URL(url)
  target.pathname = pathOf(url, path)
  target.search = new URLSearchParams(query).toString()
  const late = (what: string) => new SourceError('SOURCE_UNREACHABLE', originOf(url, path), what)
  const timers: NodeJS.Timeout[] = []
  let isAnswered = false
  try {
    return await new Promise((resolve, reject) => {
      const { request } = target.protocol === 'http:' ? http : https
      const method = write?.method ?? 'GET'
      const pending = request(target, { ...options, method, agent, timeout: idleMs, signal: abort.signal })
      const after = (milliseconds: number, what: string) => {
        const timer = setTimeout(() => pending.destroy(late(what)), milliseconds)
        timers.push(timer)
        return timer
      }
      after(answerMs, `no answer within ${answerMs} ms`)
      pending
        .on('response', (response) => {
          isAnswered = true
          resolve(response)
        })
        .on('error', reject)
        .on('socket', (socket) => {
          if (!socket.connecting) return
          const timer = after(CONNECT_MS, `not connected within ${CONNECT_MS} ms`)
          socket.once('connect', () => clearTimeout(timer))
        })
        .on('timeout', () => {
          const error = late(`silent for ${idleMs} ms`)
          // Whoever reads the answer would not learn the reason if only the request were ended.
          if (isAnswered) abort.abort(error)
          else pending.destroy(error)
        })
      pending.setSocketKeepAlive(true, KEEP_ALIVE_MS)
      pending.end(write && JSON.stringify(write.value))
    })
  } finally {
    for (const timer of timers) clearTimeout(timer)
  }
}

function originOf(server: URL, path: string): string {
  return `${server.origin}${pathOf(server, path)}`
}

/** The server's own path goes first, as behind a gateway that serves several clusters. */
function pathOf(server: URL, path: string): string {
  return server.pathname.replace(/\/$/, '') + path
}

/** @throws the signal's reason as soon as it is aborted, however long the promise takes. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort)
  })
  return Promise.race([promise, aborted]).finally(() => {
    if (onAbort) signal.removeEventListener('abort', onAbort)
  })
}
