import { setTimeout as delay } from 'node:timers/promises'
import type { ObjectId, Problem } from '../../model/object.ts'
import type { Update } from '../../store/store.ts'
import { isSourceError, SourceError } from '../error.ts'
import { retryDelay } from '../retry-delay.ts'
import type { ApiClient, RequestOptions } from './api-client.ts'
import { noCounts, type ReflectorCounts, type RelistReason } from './counts.ts'
import type { HeldObjects } from './held-objects.ts'
import { readPage } from './list-page.ts'
import { Patience } from './patience.ts'
import { isSeen } from './resource-version.ts'
import type { Resource } from './resources.ts'
import type { Timing } from './timing.ts'
import { readWatchEvent, type WatchEvent } from './watch-event.ts'

/**
 * Objects a page of a list. With 500, as client-go has it, what is not read of them outlives V8's young generation: a cluster of
 * 100,000 endpoints then takes 70 MB more.
 */
const PAGE = 100

/** Whether the API server gives lists as watches; what one reflector finds out counts for all. */
export interface StreamingLists {
  isOffered: boolean
}

export interface ReflectorOptions {
  readonly client: ApiClient
  readonly resource: Resource
  /** Where the objects go. */
  readonly held: HeldObjects
  readonly timing: Timing
  readonly streamingLists: StreamingLists
  /** Milliseconds from some fixed moment on. The clock may be set meanwhile, so it must not be that. */
  readonly now: () => number
  /** Told what changed; never an empty update. */
  readonly onUpdate: (update: Update) => void
  /** Told whenever the problems may be others than before, or the reflector has synced. */
  readonly onState: () => void
}

/** Objects that a list has named so far. */
type Listed = Set<ObjectId | ''>

/**
 * Keeps the objects of one kind as the API server has them: lists them, and then watches from where the list was made.
 * A watch that ends goes on from the last resource version that was seen. Only when the API server has forgotten that is
 * everything listed again, and then only differences are told. While the API server is away, everything stays as it is.
 *
 * Lists are of the most recent state, unlike those of client-go's informers, which begin with `resourceVersion=0`, which means any
 * state that the API server has in its memory. After a restart of Sluice that would take the kernel back to endpoints that are
 * gone, and comes in one piece however large it is. The most recent state comes out of the API server's memory, too, since
 * Kubernetes 1.31 (KEP-2340): without load on etcd, and in pages; and as a watch where that is offered, which takes the least memory.
 */
export class Reflector {
  readonly #options: ReflectorOptions
  readonly #held: HeldObjects
  readonly #counts = noCounts()
  /** From where to watch; empty when everything is to be listed. */
  #resourceVersion = ''
  #isSynced = false
  /** Failures in a row. */
  #failures = 0
  #failure: SourceError | undefined
  /** Set unless the API server forgot how a list goes on: then the next one is read at once. */
  #isPaged = true
  /** The present answer is a watch that has begun. */
  #isWatching = false
  /** There was a watch since everything was listed. */
  #hasWatched = false
  /** The connection broke: when it is back, another database may be behind it. */
  #isDoubtful = false

  constructor(options: ReflectorOptions) {
    this.#options = options
    this.#held = options.held
  }

  get kind(): Resource['kind'] {
    return this.#options.resource.kind
  }

  /** The first list is complete. */
  get isSynced(): boolean {
    return this.#isSynced
  }

  /** Why nothing comes at present; undefined when all is well. */
  get failure(): SourceError | undefined {
    return this.#failure
  }

  /** What is wrong with objects. */
  problems(): Problem[] {
    return this.#held.problems()
  }

  counts(): ReflectorCounts {
    const { lastEventAt, relists, ...counts } = this.#counts
    return {
      kind: this.#options.resource.kind,
      isConnected: this.#isSynced && this.#failure === undefined,
      ...counts,
      relists: { ...relists },
      sinceEventMs: lastEventAt === undefined ? undefined : this.#options.now() - lastEventAt,
      objects: this.#held.size,
      objectsWithProblems: this.#held.sizeWithProblems,
    }
  }

  /** Runs until it is told to stop. Never fails. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const pauseMs = await this.#round(signal)
      if (pauseMs > 0) await delay(pauseMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** One list or one watch. @returns the pause before the next, in milliseconds. */
  async #round(signal: AbortSignal): Promise<number> {
    const isList = this.#resourceVersion === ''
    const { streamingLists } = this.#options
    try {
      if (isList && streamingLists.isOffered) await this.#watchFromList(signal)
      else if (isList) await this.#list(signal)
      else await this.#goOn(signal)
      return 0
    } catch (error) {
      if (signal.aborted) return 0
      return this.#failed(asSourceError(error, this.#origin))
    } finally {
      this.#isWatching = false
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const listed: Listed = new Set()
    const limit: Record<string, string> = this.#isPaged ? { limit: String(PAGE) } : {}
    let next: Record<string, string> = {}
    for (;;) {
      const page = readPage(await this.#options.client.json(this.#request({ ...limit, ...next }, signal)), this.#origin)
      for (const item of page.items) listed.add(this.#held.set(item))
      if (page.next === '') return this.#listEnded(listed, page.resourceVersion)
      next = { continue: page.next }
    }
  }

  /** All that was not named is gone. */
  #listEnded(listed: Listed, resourceVersion: string): void {
    this.#held.retain(listed)
    this.#counts.lists++
    this.#isPaged = true
    this.#isSynced = true
    this.#isDoubtful = false
    this.#hasWatched = this.#isWatching
    this.#resourceVersion = resourceVersion
    this.#tellUpdate()
    this.#recover()
    this.#options.onState()
  }

  /**
   * A list that comes as a watch, and goes on as one (KEP-3157). An API server that does not know of this takes it for a watch and
   * never says that the list is complete: one that is quiet before it said so is asked for pages instead, like one that refuses.
   */
  async #watchFromList(signal: AbortSignal): Promise<void> {
    const { timing, streamingLists } = this.#options
    const patience = new Patience(timing.listQuietMs)
    const listed: Listed = new Set()
    const take = (event: WatchEvent) => {
      if (this.#resourceVersion !== '') this.#take(event)
      else this.#takeListed(event, listed, patience)
    }
    const query = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
    try {
      await this.#watch(query, AbortSignal.any([signal, patience.signal]), { onBegin: () => patience.renew(), take })
    } catch (error) {
      if (isSourceError(error, 'SOURCE_INVALID')) streamingLists.isOffered = false
      else if (!patience.isOver) throw error
    } finally {
      patience.rest()
      if (patience.isOver) streamingLists.isOffered = false
    }
  }

  #takeListed(event: WatchEvent, listed: Listed, patience: Patience): void {
    if (event.isListEnd) {
      patience.rest()
      this.#listEnded(listed, event.resourceVersion)
    } else if (event.type === 'BOOKMARK') {
      // The first bookmark of a list says that it is complete; this one is of an ordinary watch.
      patience.end()
    } else {
      patience.renew()
      if (event.type === 'DELETED') listed.delete(this.#held.delete(event.object))
      else listed.add(this.#held.set(event.object))
    }
  }

  async #goOn(signal: AbortSignal): Promise<void> {
    if (this.#isDoubtful) await this.#compare(signal)
    const onBegin = () => {
      if (this.#hasWatched) this.#counts.resumes++
      this.#hasWatched = true
    }
    const take = (event: WatchEvent) => this.#take(event)
    await this.#watch({ resourceVersion: this.#resourceVersion }, signal, { onBegin, take })
  }

  /**
   * Asks whether the API server has come as far as we have. A watch from a version that is still to come would tell nothing until
   * then, and be without what was written meanwhile. Costs one object.
   *
   * @throws SourceError with SOURCE_AHEAD when it has not.
   */
  async #compare(signal: AbortSignal): Promise<void> {
    const query = { limit: '1', resourceVersion: this.#resourceVersion, resourceVersionMatch: 'NotOlderThan' }
    try {
      await this.#options.client.json(this.#request(query, signal))
    } catch (error) {
      if (!isSourceError(error, 'SOURCE_INVALID')) throw error
    }
    this.#isDoubtful = false
  }

  async #watch(from: Query, signal: AbortSignal, { onBegin, take }: WatchSteps): Promise<void> {
    const { client, timing, now } = this.#options
    const lastsMs = timing.watchMs * (1 + Math.random())
    const timeoutSeconds = String(Math.ceil(lastsMs / 1000))
    const query = { watch: '1', allowWatchBookmarks: 'true', timeoutSeconds, ...from }
    const limits = { idleMs: timing.idleMs, deadlineMs: lastsMs + timing.watchMarginMs }
    const version = this.#resourceVersion
    let begun = Number.POSITIVE_INFINITY
    let timer: NodeJS.Timeout | undefined
    const isFruitful = () => this.#resourceVersion !== version || now() - begun >= timing.shortWatchMs
    try {
      for await (const events of client.jsonLines({ ...this.#request(query, signal), ...limits })) {
        if (signal.aborted) return
        if (!this.#isWatching) {
          this.#isWatching = true
          this.#counts.watches++
          begun = now()
          timer = setTimeout(() => this.#recover(), timing.shortWatchMs)
          onBegin()
        }
        if (events.length > 0) this.#takeAll(events, take)
      }
    } finally {
      clearTimeout(timer)
      if (isFruitful()) this.#failures = 0
    }
    if (!isFruitful()) throw new SourceError('SOURCE_REFUSED', this.#origin, 'the API server ended a watch at once')
  }

  /** What came at once is one update. @throws SourceError, and what came before the error counts. */
  #takeAll(events: readonly unknown[], take: (event: WatchEvent) => void): void {
    const { client, resource, now, onState } = this.#options
    try {
      for (const event of events) take(readWatchEvent(event, client, resource.path))
    } finally {
      this.#counts.lastEventAt = now()
      // A list is told when it is complete.
      if (this.#resourceVersion !== '') this.#tellUpdate()
      if (this.#held.takeProblemsChanged()) onState()
    }
  }

  /** One event behind a list. */
  #take({ type, object, resourceVersion }: WatchEvent): void {
    if (type === 'BOOKMARK') this.#counts.bookmarks++
    else if (isSeen(resourceVersion, this.#resourceVersion)) {
      // Told twice, or out of order: what came later counts.
      this.#counts.staleEvents++
      return
    } else {
      this.#counts.events++
      if (type === 'DELETED') this.#held.delete(object)
      else this.#held.set(object)
    }
    if (!isSeen(resourceVersion, this.#resourceVersion)) this.#resourceVersion = resourceVersion
    this.#recover()
  }

  #tellUpdate(): void {
    const update = this.#held.takeUpdate()
    if (update.set.length === 0 && update.delete.length === 0) return
    this.#options.onUpdate(update)
  }

  #recover(): void {
    this.#failures = 0
    if (this.#failure === undefined) return
    this.#failure = undefined
    this.#options.onState()
  }

  /** @returns the pause before the next attempt, in milliseconds. */
  #failed(error: SourceError): number {
    const { resource, timing, onState } = this.#options
    if (error.code === 'SOURCE_NOT_SERVED' && resource.isOptional) {
      this.#isSynced = true
      this.#failure = undefined
      onState()
      return timing.notServedMs
    }
    const isFirst = this.#failures++ === 0
    // A watch that breaks is no outage until it cannot be begun anew.
    const isBroken = isFirst && this.#isWatching && this.#resourceVersion !== ''
    this.#isDoubtful ||= error.code === 'SOURCE_UNREACHABLE'
    if (error.code === 'SOURCE_EXPIRED' || error.code === 'SOURCE_AHEAD') {
      this.#forget(error.code)
      // A list costs the API server much: it is made at once only when all went well before.
      if (isFirst) return 0
    }
    if (!isBroken) {
      this.#failure = error
      onState()
    }
    return Math.max(retryDelay(timing.retryMs, this.#failures), error.retryAfterMs)
  }

  /** Everything is to be listed again. */
  #forget(code: 'SOURCE_EXPIRED' | 'SOURCE_AHEAD'): void {
    const isList = this.#resourceVersion === ''
    if (isList) this.#isPaged = false
    const listed: RelistReason = isList ? 'continuation' : 'expired'
    this.#counts.relists[code === 'SOURCE_AHEAD' ? 'ahead' : listed]++
    this.#resourceVersion = ''
  }

  #request(query: Query, signal: AbortSignal): RequestOptions {
    const { resource, timing } = this.#options
    const onBytes = (bytes: number) => {
      this.#counts.bytesReceived += bytes
    }
    const limits = { answerMs: timing.answerMs, idleMs: timing.answerMs }
    return { path: resource.path, query: { ...resource.selectors, ...query }, signal, onBytes, ...limits }
  }

  get #origin(): string {
    return this.#options.client.origin(this.#options.resource.path)
  }
}

type Query = Readonly<Record<string, string>>

/** What is done about a watch. */
interface WatchSteps {
  /** The API server has begun to answer. */
  readonly onBegin: () => void
  readonly take: (event: WatchEvent) => void
}

function asSourceError(error: unknown, origin: string): SourceError {
  if (isSourceError(error)) return error
  return new SourceError('SOURCE_REFUSED', origin, error instanceof Error ? error.message : String(error), error)
}
