import type { Manifest } from '../sluice/manifests.ts'
import { apiVersionOf, COLLECTIONS, type Collection, type Target } from './collections.ts'
import { type Change, type Etcd, withVersion } from './etcd.ts'
import { revisionOf, selectorOf } from './list.ts'
import type { Reply } from './reply.ts'
import type { Selector } from './selectors.ts'
import { ApiError, invalidOptions, tooLarge } from './status.ts'

/** Whether lists can be had as watches (KEP-3157): yes; refused as by a server without it; or not known to the server. */
export type StreamingLists = 'offered' | 'refused' | 'ignored'

export interface WatchOptions {
  readonly streamingLists: StreamingLists
  /** Milliseconds between bookmarks; 0 for none but those on demand. */
  readonly bookmarkMs: number
}

/** What a request wants of a watch, checked. */
interface WatchRequest {
  /** 0 for the present state and what comes after it. */
  readonly from: number
  /** Undefined when the client does not say: the present state is told when `from` is 0. */
  readonly sendInitialEvents: boolean | undefined
  readonly wantsBookmarks: boolean
  /** Milliseconds. */
  readonly timeoutMs: number
}

/** An hour, where a client does not say; API servers take a random time between half an hour and an hour. */
const DEFAULT_TIMEOUT_MS = 3_600_000

/** One open watch. */
export class Watch {
  readonly collection: Collection
  readonly #etcd: Etcd
  readonly #reply: Reply
  readonly #isWanted: Selector
  readonly #request: WatchRequest
  readonly #from: number
  readonly #timers: NodeJS.Timeout[] = []

  /** @throws ApiError when it cannot begin. */
  constructor(etcd: Etcd, target: Target, query: URLSearchParams, reply: Reply, options: WatchOptions) {
    this.collection = target.collection
    this.#etcd = etcd
    this.#reply = reply
    this.#isWanted = selectorOf(target, query)
    this.#request = readRequest(query, options.streamingLists)
    const { from, sendInitialEvents } = this.#request
    this.#from = (sendInitialEvents ?? from === 0) || from === 0 ? etcd.revision : from
    reply.begin()
    try {
      this.#begin()
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      this.fail(error)
      return
    }
    const forget = etcd.listen((change) => this.#tell(change))
    reply.onClose(() => {
      forget()
      for (const timer of this.#timers) clearTimeout(timer)
    })
    if (options.bookmarkMs > 0) this.#timers.push(setInterval(() => this.bookmark(), options.bookmarkMs))
    this.#timers.push(setTimeout(() => this.end(), this.#request.timeoutMs))
  }

  /** Tells how far the watch has come, if it wants to know. */
  bookmark(annotations?: Readonly<Record<string, string>>): void {
    if (!this.#request.wantsBookmarks) return
    const spec = COLLECTIONS[this.collection]
    const metadata = {
      resourceVersion: String(this.#etcd.revision),
      creationTimestamp: null,
      ...(annotations && { annotations }),
    }
    this.#send('BOOKMARK', { kind: spec.kind, apiVersion: apiVersionOf(spec), metadata, spec: {} })
  }

  /** As when its time is over. */
  end(): void {
    this.bookmark()
    this.#reply.end('')
  }

  /** An error event, and the end. */
  fail(error: ApiError): void {
    this.#reply.end(`${JSON.stringify({ type: 'ERROR', object: error.status })}\n`)
  }

  /** A change that was told before, once more: no API server does that. */
  repeat(change: Change): void {
    this.#tell(change)
  }

  #begin(): void {
    const { from, sendInitialEvents } = this.#request
    if (sendInitialEvents && from > this.#etcd.revision) throw tooLarge(from, this.#etcd.revision)
    if (!(sendInitialEvents ?? from === 0)) {
      for (const change of this.#etcd.since(this.collection, from)) this.#tell(change)
      return
    }
    for (const object of this.#etcd.at(this.collection, this.#etcd.revision)) {
      if (this.#isWanted(object)) this.#send('ADDED', object)
    }
    if (sendInitialEvents) this.bookmark({ 'k8s.io/initial-events-end': 'true' })
  }

  /** An object that leaves the selector is gone for this watch, with its last state and the new resource version. */
  #tell({ collection, revision, object, previous, isDeletion }: Change): void {
    if (collection !== this.collection || revision <= this.#from) return
    const isIn = !isDeletion && this.#isWanted(object)
    const wasIn = previous !== undefined && this.#isWanted(previous)
    if (isIn) this.#send(wasIn ? 'MODIFIED' : 'ADDED', object)
    else if (wasIn) this.#send('DELETED', withVersion(previous, revision))
  }

  #send(type: string, object: Manifest): void {
    this.#reply.write(`${JSON.stringify({ type, object })}\n`)
  }
}

function readRequest(query: URLSearchParams, streamingLists: StreamingLists): WatchRequest {
  const isKnown = streamingLists !== 'ignored'
  const sendInitialEvents = isKnown ? query.get('sendInitialEvents') : null
  const match = isKnown ? (query.get('resourceVersionMatch') ?? '') : ''
  if (sendInitialEvents !== null && streamingLists === 'refused') {
    const message = 'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled'
    throw invalidOptions('sendInitialEvents', message)
  }
  if (sendInitialEvents !== null && match !== 'NotOlderThan') {
    const message = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'
    throw invalidOptions('resourceVersionMatch', message)
  }
  if (sendInitialEvents === null && match !== '') {
    const message = 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'
    throw invalidOptions('resourceVersionMatch', message)
  }
  return {
    from: revisionOf(query) ?? 0,
    sendInitialEvents: sendInitialEvents === null ? undefined : sendInitialEvents === 'true',
    wantsBookmarks: query.get('allowWatchBookmarks') === 'true',
    timeoutMs: Number(query.get('timeoutSeconds') ?? 0) * 1000 || DEFAULT_TIMEOUT_MS,
  }
}
