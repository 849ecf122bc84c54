import type { Logger } from './log.ts'

/** The object that an Event is about. */
export interface EventSubject {
  readonly apiVersion: string
  readonly kind: string
  /** Empty for a Node and other objects that are in none. */
  readonly namespace: string
  readonly name: string
}

/** What happened to an object, for whoever looks at it with kubectl. */
export interface EventNote {
  readonly type: 'Normal' | 'Warning'
  /** Why, in one CamelCase word, for machines. */
  readonly reason: string
  /** What was done or failed, in one CamelCase word. */
  readonly action: string
  /** For people; may be empty. What is too long for the API server is cut. */
  readonly note: string
  readonly regarding: EventSubject
}

/** How often the same was seen. */
export interface EventSeries {
  /** From 2 on. */
  readonly count: number
  readonly lastAt: Date
}

/** What became of something that was sent: it has a name now, or was refused for good. */
export type Sent = { readonly name: string } | { readonly refused: string }

/** Where Events go. A rejected promise means that it may be tried again. */
export interface EventSender {
  create(event: EventNote, at: Date): Promise<Sent>
  /** The same as an Event that was created was seen again. */
  repeat(event: EventNote, name: string, series: EventSeries): Promise<Sent>
  /** Ends what is under way; it is rejected. */
  close(): void
}

/**
 * What became of an Event: created; counted, as a repetition of one that was; limited, because there were too many about
 * one object; dropped, because the queue was full or nobody could be reached; or refused by the API server.
 */
export type EventResult = 'created' | 'counted' | 'limited' | 'dropped' | 'refused'

export interface EventRecorderOptions {
  readonly sender: EventSender
  readonly log: Logger
  /** Told of each Event once. */
  readonly onResult?: ((result: EventResult) => void) | undefined
  /** Milliseconds since 1970; the default is the real time. */
  readonly now?: () => number
  /** Milliseconds; the default really waits. */
  readonly sleep?: (ms: number) => Promise<void>
}

/** As client-go: so many about one object at once, and then one each five minutes. */
const BURST = 25
const REFILL_MS = 300_000
/** Objects and series that are remembered; the oldest are forgotten first. */
const MAX_REMEMBERED = 4096
const MAX_QUEUED = 1000
/** When the same happens again after that, it is a new Event, as in client-go. Milliseconds. */
const SERIES_ENDS_MS = 360_000
/** Pauses between attempts; then an Event is dropped. Milliseconds. */
const RETRIES_MS = [1000, 2000, 4000, 8000]

interface Series {
  /** Undefined until it was created. */
  name: string | undefined
  count: number
  lastAt: number
}

interface Bucket {
  tokens: number
  filledAt: number
}

/**
 * Records Events without ever making anybody wait: they are limited, counted together and queued here, and sent one by one.
 * What cannot be sent is dropped.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #now: () => number
  readonly #buckets = new Map<string, Bucket>()
  readonly #series = new Map<string, Series>()
  readonly #queue: { readonly event: EventNote; readonly at: number }[] = []
  readonly #closing = Promise.withResolvers<undefined>()
  #work: Promise<void> | undefined
  #isClosed = false
  /** The API server refuses what is sent, and that was said. */
  #isRefusalTold = false

  constructor(options: EventRecorderOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Takes note of an Event. Never fails. */
  record(event: EventNote): void {
    if (this.#isClosed) return
    const at = this.#now()
    if (!this.#admit(subjectKey(event.regarding), at)) return this.#tell('limited')
    if (this.#queue.length >= MAX_QUEUED) return this.#tell('dropped')
    this.#queue.push({ event, at })
    this.#work ??= this.#sendAll()
  }

  /** Resolves when everything that was recorded has been sent or given up; never rejects. */
  async settled(): Promise<void> {
    await this.#work
  }

  /** Drops what was not sent yet. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#queue.length = 0
    this.#closing.resolve(undefined)
    this.#options.sender.close()
    await this.#work
  }

  /** @returns false when there were too many about this object. */
  #admit(subject: string, at: number): boolean {
    const bucket = this.#buckets.get(subject) ?? { tokens: BURST, filledAt: at }
    bucket.tokens = Math.min(BURST, bucket.tokens + (at - bucket.filledAt) / REFILL_MS)
    bucket.filledAt = at
    remember(this.#buckets, subject, bucket)
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  async #sendAll(): Promise<void> {
    for (;;) {
      const next = this.#queue.shift()
      if (next === undefined) break
      this.#tell(await this.#send(next.event, next.at))
    }
    this.#work = undefined
  }

  async #send(event: EventNote, at: number): Promise<EventResult> {
    for (let attempt = 0; !this.#isClosed; attempt++) {
      try {
        return await this.#attempt(event, at)
      } catch (error) {
        const pause = RETRIES_MS[attempt]
        if (pause === undefined) {
          this.#options.log.debug({ err: error }, 'a Kubernetes Event is dropped')
          break
        }
        await this.#sleep(pause)
      }
    }
    return 'dropped'
  }

  async #attempt(event: EventNote, at: number): Promise<EventResult> {
    const { sender } = this.#options
    const key = eventKey(event)
    const series = this.#series.get(key)
    if (series?.name !== undefined && at - series.lastAt < SERIES_ENDS_MS) {
      const count = series.count + 1
      const sent = await sender.repeat(event, series.name, { count, lastAt: new Date(at) })
      if ('name' in sent) {
        remember(this.#series, key, { name: sent.name, count, lastAt: at })
        return 'counted'
      }
    }
    // It is the first, the last one is long ago, or the API server has forgotten it.
    const sent = await sender.create(event, new Date(at))
    if ('refused' in sent) return this.#refused(sent.refused)
    this.#isRefusalTold = false
    remember(this.#series, key, { name: sent.name, count: 1, lastAt: at })
    return 'created'
  }

  #refused(reason: string): EventResult {
    if (!this.#isRefusalTold) this.#options.log.warn({ reason }, 'the API server refuses Kubernetes Events')
    this.#isRefusalTold = true
    return 'refused'
  }

  async #sleep(ms: number): Promise<void> {
    const { sleep = reallySleep } = this.#options
    await Promise.race([sleep(ms), this.#closing.promise])
  }

  #tell(result: EventResult): void {
    this.#options.onResult?.(result)
  }
}

/** Does not keep the process alive. */
async function reallySleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}

/** Puts it last, and forgets the first when there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest)
}

function subjectKey({ apiVersion, kind, namespace, name }: EventSubject): string {
  return [apiVersion, kind, namespace, name].join(' ')
}

function eventKey({ type, reason, action, note, regarding }: EventNote): string {
  return [subjectKey(regarding), type, reason, action, note].join(' ')
}
