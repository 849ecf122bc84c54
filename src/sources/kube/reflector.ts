import { setTimeout as delay } from 'node:timers/promises'
import type { ObjectId, Problem } from '../../model/object.ts'
import type { Update } from '../../store/store.ts'
import { isSourceError, SourceError } from '../error.ts'
import type { ApiClient } from './api-client.ts'
import { HeldObjects } from './held-objects.ts'
import type { Resource } from './resources.ts'
import { retryDelay, type Timing } from './timing.ts'

/** Objects a page of a list. */
const PAGE = 500

export interface ReflectorOptions {
  readonly client: ApiClient
  readonly resource: Resource
  readonly timing: Timing
  /** Told what changed; never an empty update. */
  readonly onUpdate: (update: Update) => void
  /** Told whenever the problems may be others than before, or the reflector has synced. */
  readonly onState: () => void
}

/**
 * Keeps the objects of one kind as the API server has them: lists them, and then watches from where the list was made.
 * A watch that ends goes on from the last resource version that was seen. Only when the API server has forgotten that is
 * everything listed again, and then only differences are told. While the API server is away, everything stays as it is.
 */
export class Reflector {
  readonly #options: ReflectorOptions
  readonly #held: HeldObjects
  /** From where to watch; empty when everything is to be listed. */
  #resourceVersion = ''
  #isSynced = false
  /** Failures in a row. */
  #failures = 0
  #failure: SourceError | undefined
  /** The API server forgot how a list goes on: the next one is read at once. */
  #isPaged = true

  constructor(options: ReflectorOptions) {
    this.#options = options
    this.#held = new HeldObjects(options.resource)
  }

  /** The first list is complete. */
  get isSynced(): boolean {
    return this.#isSynced
  }

  problems(): Problem[] {
    const problems = this.#held.problems()
    if (this.#failure === undefined) return problems
    const { origin, reason } = this.#failure
    const { kind } = this.#options.resource
    const message = this.#isSynced ? `${reason}; what was known is still served` : reason
    return [{ severity: 'warning', object: kind, field: '', message, origin }, ...problems]
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
    try {
      if (this.#resourceVersion === '') await this.#list(signal)
      else await this.#watch(signal)
      return 0
    } catch (error) {
      return signal.aborted ? 0 : this.#failed(asSourceError(error, this.#origin))
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const listed = new Set<ObjectId | ''>()
    let page: ListPage = { items: [], resourceVersion: '', next: '' }
    do {
      const next: Record<string, string> = page.next === '' ? {} : { continue: page.next }
      const limit: Record<string, string> = this.#isPaged ? { limit: String(PAGE) } : {}
      page = readPage(await this.#options.client.json(this.#request({ ...limit, ...next }, signal)), this.#origin)
      for (const item of page.items) listed.add(this.#held.set(item))
    } while (page.next !== '')
    this.#isPaged = true
    this.#held.retain(listed)
    this.#resourceVersion = page.resourceVersion
    this.#tellUpdate()
    this.#isSynced = true
    this.#failure = undefined
    this.#options.onState()
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, timing } = this.#options
    const from = this.#resourceVersion
    const lastsMs = timing.watchMs * (1 + Math.random())
    const query = {
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: from,
      timeoutSeconds: String(Math.ceil(lastsMs / 1000)),
    }
    const limits = { idleMs: timing.idleMs, deadlineMs: lastsMs + timing.watchMarginMs }
    let begun = Number.POSITIVE_INFINITY
    const isFruitful = () => this.#resourceVersion !== from || performance.now() - begun >= timing.shortWatchMs
    try {
      for await (const events of client.jsonLines({ ...this.#request(query, signal), ...limits })) {
        begun = Math.min(begun, performance.now())
        this.#recover()
        if (!signal.aborted && events.length > 0) this.#takeAll(events)
      }
    } finally {
      if (isFruitful()) this.#failures = 0
    }
    if (!isFruitful()) throw new SourceError('SOURCE_REFUSED', this.#origin, 'the API server ended a watch at once')
  }

  /** What came at once is one update. @throws SourceError, and what came before the error counts. */
  #takeAll(events: readonly unknown[]): void {
    try {
      for (const event of events) this.#take(event)
    } finally {
      this.#tellUpdate()
      if (this.#held.takeProblemsChanged()) this.#options.onState()
    }
  }

  /** One event of a watch. @throws SourceError when it is none, or tells of an error. */
  #take(event: unknown): void {
    const { type, object } = (event ?? {}) as { type?: unknown; object?: unknown }
    const status = object as { code?: unknown; metadata?: { resourceVersion?: unknown } | null } | null | undefined
    if (type === 'ERROR') {
      const code = typeof status?.code === 'number' ? status.code : 500
      throw this.#options.client.statusError(this.#options.resource.path, code, object)
    }
    const resourceVersion = status?.metadata?.resourceVersion
    if (typeof resourceVersion !== 'string' || resourceVersion === '') {
      throw new SourceError('SOURCE_REFUSED', this.#origin, 'the API server sent an event without resource version')
    }
    if (type === 'ADDED' || type === 'MODIFIED') this.#held.set(object)
    else if (type === 'DELETED') this.#held.delete(object)
    this.#resourceVersion = resourceVersion
  }

  #tellUpdate(): void {
    const update = this.#held.takeUpdate()
    if (update.set.length === 0 && update.delete.length === 0) return
    this.#options.onUpdate(update)
  }

  #recover(): void {
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
    if (error.code === 'SOURCE_EXPIRED') {
      if (this.#resourceVersion === '') this.#isPaged = false
      this.#resourceVersion = ''
      // A list costs the API server much: it is made at once only when all went well before.
      if (isFirst) return 0
    }
    this.#failure = error
    onState()
    return Math.max(retryDelay(timing.retryMs, this.#failures), error.retryAfterMs)
  }

  #request(query: Readonly<Record<string, string>>, signal: AbortSignal) {
    const { resource, timing } = this.#options
    const selector: Record<string, string> =
      resource.fieldSelector === '' ? {} : { fieldSelector: resource.fieldSelector }
    const limits = { answerMs: timing.answerMs, idleMs: timing.answerMs }
    return { path: resource.path, query: { ...selector, ...query }, signal, ...limits }
  }

  get #origin(): string {
    return this.#options.client.origin(this.#options.resource.path)
  }
}

interface ListPage {
  readonly items: readonly unknown[]
  readonly resourceVersion: string
  /** What to give as `continue`; empty for the last page. */
  readonly next: string
}

/** @throws SourceError */
function readPage(value: unknown, origin: string): ListPage {
  const { items, metadata } = (value ?? {}) as { items?: unknown; metadata?: Record<string, unknown> | null }
  const { resourceVersion, continue: next } = metadata ?? {}
  const isList = items === null || Array.isArray(items)
  if (!isList || typeof resourceVersion !== 'string' || resourceVersion === '') {
    throw new SourceError('SOURCE_REFUSED', origin, 'the API server answered something that is no list')
  }
  return { items: items ?? [], resourceVersion, next: typeof next === 'string' ? next : '' }
}

function asSourceError(error: unknown, origin: string): SourceError {
  if (isSourceError(error)) return error
  return new SourceError('SOURCE_REFUSED', origin, error instanceof Error ? error.message : String(error), error)
}
