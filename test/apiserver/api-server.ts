import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Manifest } from '../sluice/manifests.ts'
import { authorize, type User } from './authentication.ts'
import { withBulk } from './bulk.ts'
import {
  apiVersionOf,
  COLLECTIONS,
  type Collection,
  collectionOf,
  isServedGroup,
  resourcePathOf,
  subjectOf,
  type Target,
  targetOf,
} from './collections.ts'
import { create } from './create.ts'
import { Etcd, type Snapshot } from './etcd.ts'
import { type Fault, Faults } from './faults.ts'
import { list } from './list.ts'
import { patch } from './patch.ts'
import { isSet } from './query.ts'
import { close, Reply, sendBody, sendError } from './reply.ts'
import type { SeenRequest, Verb } from './requests.ts'
import { ApiError, expired, notFound, notServed } from './status.ts'
import { type StreamingLists, Watch } from './watch.ts'

export interface ApiServerOptions {
  /** It speaks HTTPS with these. */
  readonly tls?: ServerOptions
  /** `offered`, unless told. */
  readonly streamingLists?: StreamingLists
  /** Milliseconds between bookmarks, 60,000 unless told; 0 for none but those on demand. */
  readonly bookmarkMs?: number
  /** Objects carry what a cluster adds to them. */
  readonly withBulk?: boolean
}

/** Idle connections are kept for as long as a real one keeps them. Milliseconds. */
const KEEP_ALIVE_MS = 180_000

/**
 * A Kubernetes API server for what a service proxy asks of one: it keeps to the API conventions, until {@link faults} say
 * otherwise. It can go away and come back, as another one would, with its state.
 */
export class ApiServer {
  readonly requests: SeenRequest[] = []
  readonly faults = new Faults()
  /** Answered with 404, as by an older server. */
  readonly notServed = new Set<Collection>()
  /** Who may do what, by bearer token; as long as it is empty, everybody may do everything. */
  readonly tokens = new Map<string, User>()
  streamingLists: StreamingLists
  /** Called with each request before anything else is done about it. */
  onRequest: ((request: SeenRequest) => void) | undefined
  readonly #bookmarkMs: number
  readonly #withBulk: boolean
  readonly #etcd = new Etcd()
  readonly #server: Server
  readonly #scheme: 'http' | 'https'
  readonly #watches = new Set<Watch>()
  readonly #replies = new Set<Reply>()
  #port = 0

  constructor(options: ApiServerOptions = {}) {
    const { tls, streamingLists = 'offered', bookmarkMs = 60_000 } = options
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response)
    this.#server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer)
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS
    this.#scheme = tls === undefined ? 'http' : 'https'
    this.#bookmarkMs = bookmarkMs
    this.#withBulk = options.withBulk ?? false
    this.streamingLists = streamingLists
  }

  /**
   * Begins to listen, on the port that it had before. Without a host, on all addresses of the network namespace that the
   * calling thread is in: with one, the socket would be made later.
   */
  async listen(host?: string): Promise<void> {
    if (host === undefined) this.#server.listen(this.#port)
    else this.#server.listen(this.#port, host)
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Goes away with its state kept: connections are cut, and new ones refused. Nothing happens when it is away. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.#port}`
  }

  get resourceVersion(): string {
    return String(this.#etcd.revision)
  }

  /** How many watches of a collection are open. */
  watching(collection: Collection): number {
    return [...this.#watches].filter((watch) => watch.collection === collection).length
  }

  seen(collection: Collection, verb: Verb): SeenRequest[] {
    return this.requests.filter((request) => request.collection === collection && request.verb === verb)
  }

  objects(collection: Collection): readonly Manifest[] {
    return this.#etcd.at(collection, this.#etcd.revision)
  }

  /** Creates or changes objects. */
  set(...objects: readonly Manifest[]): void {
    for (const object of objects) this.#etcd.put(collectionOf(object), this.#withBulk ? withBulk(object) : object)
  }

  /** Nothing happens with those that are not there. */
  delete(...objects: readonly Manifest[]): void {
    for (const object of objects) this.#etcd.delete(collectionOf(object), object)
  }

  /** The cluster does something that concerns no collection here. @returns the resource version. */
  advance(revisions = 1): string {
    return String(this.#etcd.advance(revisions))
  }

  /** Tells watches that want to know how far they have come. @returns the resource version. */
  bookmark(collection?: Collection): string {
    this.#etcd.advance()
    for (const watch of this.#open(collection)) watch.bookmark()
    return this.resourceVersion
  }

  /** Ends watches properly, as when their time is over. */
  endWatches(collection?: Collection): void {
    for (const watch of this.#open(collection)) watch.end()
  }

  /** Forgets what happened up to now: older resource versions and continuations are answered with 410. */
  compact(): void {
    this.#etcd.advance()
    this.#etcd.compact()
  }

  /** Forgets what happened up to a resource version, as real ones do every five minutes. */
  compactTo(resourceVersion: string): void {
    this.#etcd.compact(Number(resourceVersion))
  }

  /** {@link compact}, and open watches end with the 410 in an event. */
  expireWatches(collection?: Collection): void {
    this.compact()
    for (const watch of this.#open(collection)) watch.fail(expired(0, this.#etcd.compacted))
  }

  /** All that is open falls silent, as when the network between took it away without a word; new requests are answered. */
  silence(): void {
    for (const reply of this.#replies) reply.silence()
  }

  /** Tells open watches the last changes of a collection once more: duplicate and stale events, which no API server sends. */
  repeat(collection: Collection, changes: number): void {
    const last = this.#etcd.since(collection, this.#etcd.compacted).slice(-changes)
    for (const watch of this.#open(collection)) for (const change of last) watch.repeat(change)
  }

  snapshot(): Snapshot {
    return this.#etcd.snapshot()
  }

  /** The database is put back, so that resource versions are smaller than clients have seen. Only while it is away. */
  restore(snapshot: Snapshot): void {
    if (this.#server.listening) throw new TypeError('close it first: open watches would go on with the other history')
    this.#etcd.restore(snapshot)
  }

  #open(collection?: Collection): Watch[] {
    return [...this.#watches].filter((watch) => collection === undefined || watch.collection === collection)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://api')
    const resource = resourcePathOf(pathname)
    const target = resource && targetOf(resource)
    const verb = verbOf(request, target, query)
    const { authorization, accept, 'user-agent': userAgent } = request.headers
    const seen = { collection: target?.collection, verb, path: pathname, query, authorization, accept, userAgent }
    const logged: SeenRequest = { ...seen, status: 0, bytesSent: 0, isOpen: true }
    this.requests.push(logged)
    this.onRequest?.(logged)
    response.on('close', () => {
      logged.isOpen = false
    })
    const fault = this.faults.onRequest(target?.collection, verb)
    if (fault !== undefined) return befall(fault, response, logged)
    try {
      if (resource !== undefined) authorize(this.tokens, authorization, verb, resource, target?.collection)
      if (resource === undefined || !isServedGroup(resource)) {
        return sendBody(response, logged, 404, '404 page not found\n', 'text/plain; charset=utf-8')
      }
      if (target === undefined || this.notServed.has(target.collection)) throw notServed()
      await this.#serve(target, verb, request, response, logged)
    } catch (error) {
      const status = error instanceof ApiError ? error : new ApiError(500, String(error))
      if (!response.headersSent) sendError(response, logged, status)
      else response.destroy()
    }
  }

  /** @throws ApiError */
  async #serve(
    target: Target,
    verb: Verb,
    request: IncomingMessage,
    response: ServerResponse,
    seen: SeenRequest,
  ): Promise<void> {
    const reply = new Reply(response, seen, target.collection, this.faults)
    this.#replies.add(reply)
    reply.onClose(() => this.#replies.delete(reply))
    if (verb === 'watch') {
      const options = { streamingLists: this.streamingLists, bookmarkMs: this.#bookmarkMs }
      const watch = new Watch(this.#etcd, target, seen.query, reply, options)
      this.#watches.add(watch)
      reply.onClose(() => this.#watches.delete(watch))
      return
    }
    const write = WRITES[verb]
    const answer = write ? await write(this.#etcd, target, request) : this.#read(target, verb, seen.query)
    const text = JSON.stringify(answer)
    reply.begin(verb === 'create' ? 201 : 200)
    reply.end(text)
  }

  #read(target: Target, verb: Verb, query: URLSearchParams): Manifest {
    if (verb === 'list') return list(this.#etcd, target, query)
    const { collection, namespace, name } = target
    const spec = COLLECTIONS[collection]
    const found = this.#etcd.get(collection, namespace, name)
    if (found === undefined) throw notFound(subjectOf(target))
    return { apiVersion: apiVersionOf(spec), kind: spec.kind, ...found }
  }
}

const WRITES: Partial<Readonly<Record<Verb, typeof create>>> = { create, patch }

function verbOf(request: IncomingMessage, target: Target | undefined, query: URLSearchParams): Verb {
  if (request.method === 'POST') return 'create'
  if (request.method === 'PATCH') return 'patch'
  if (target !== undefined && target.name !== '') return 'get'
  return isSet(query, 'watch') ? 'watch' : 'list'
}

function befall(fault: Fault, response: ServerResponse, seen: SeenRequest): void {
  if (fault.kind === 'drop') close(response, fault.by)
  else if (fault.kind === 'answer') {
    sendBody(response, seen, fault.status, fault.body, fault.contentType ?? 'text/html')
  } else if (fault.kind === 'refuse') {
    const { status, message = 'refused by a fault', retryAfterSeconds } = fault
    const details = retryAfterSeconds === undefined ? undefined : { retryAfterSeconds }
    sendError(response, seen, new ApiError(status, message, { ...(details && { details }) }))
  }
}
