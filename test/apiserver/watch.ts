import type { Manifest } from '../sluice/manifests.ts'
import { apiVersionOf, COLLECTIONS, type Collection, type Target } from './collections.ts'
import { type Change, type Etcd, withVersion } from './etcd.ts'
import { selectorOf } from './list.ts'
import { integerOf, isSet, revisionOf } from './query.ts'
import type { Reply } from './reply.ts'
import type { Selector } from './selectors.ts'
import { ApiError, forbidden, type OptionFault, refuse, tooLarge, unsupported } from './status.ts'

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

/** So long before the time of a watch is over is its last bookmark. Milliseconds. */
const LAST_BOOKMARK_MS = 2000

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
    this.#from = sendInitialEvents === true || from === 0 ? etcd.revision : from
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
    const { timeoutMs } = this.#request
    if (timeoutMs > LAST_BOOKMARK_MS) this.#timers.push(setTimeout(() => this.bookmark(), timeoutMs - LAST_BOOKMARK_MS))
    this.#timers.push(setTimeout(() => reply.end(''), timeoutMs))
  }

  /** Tells how far the watch has come, if it wants to know, and has come further than where it began. */
  bookmark(annotations?: Readonly<Record<string, string>>): void {
    if (!this.#request.wantsBookmarks) return
    if (annotations === undefined && this.#etcd.revision <= this.#from) return
    const spec = COLLECTIONS[this.collection]
    const metadata = {
      resourceVersion: String(this.#etcd.revision),
      creationTimestamp: null,
      ...(annotations && { annotations }),
    }
    this.#send('BOOKMARK', { kind: spec.kind, apiVersion: apiVersionOf(spec), metadata, spec: {} })
  }

  /** Properly, with a last bookmark. */
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
      for (const change of this.#etcd.since(this.collection, this.#from)) this.#tell(change)
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
  const timeoutMs = integerOf(query, 'timeoutSeconds') * 1000 || DEFAULT_TIMEOUT_MS
  refuse(faultsOf(query, streamingLists))
  const isStated = streamingLists !== 'ignored' && query.has('sendInitialEvents')
  return {
    from: revisionOf(query) ?? 0,
    sendInitialEvents: isStated ? isSet(query, 'sendInitialEvents') : undefined,
    wantsBookmarks: isSet(query, 'allowWatchBookmarks'),
    timeoutMs,
  }
}

function faultsOf(query: URLSearchParams, streamingLists: StreamingLists): OptionFault[] {
  const field = 'resourceVersionMatch'
  const match = query.get(field) ?? ''
  if (query.get('continue')) return [forbidden(field, `${field} is forbidden when continue is provided`)]
  if (streamingLists === 'ignored') return []
  if (!query.has('sendInitialEvents')) {
    const why = `${field} is forbidden for watch unless sendInitialEvents is provided`
    return match === '' ? [] : [forbidden(field, why)]
  }
  if (streamingLists === 'refused') {
    const why = 'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled'
    return [forbidden('sendInitialEvents', why)]
  }
  if (match === 'NotOlderThan') return []
  const faults = [forbidden(field, `sendInitialEvents requires setting ${field} to NotOlderThan`)]
  return match === '' ? faults : [...faults, unsupported(field, match, ['NotOlderThan'])]
}
