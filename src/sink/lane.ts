import { setTimeout as delay } from 'node:timers/promises'
import type { LocalService } from '../model/local.ts'
import type { ServiceKey } from '../model/service.ts'
import { Slices } from '../observe/event-loop.ts'
import type { SinkHealth, SinkHooks } from './hooks.ts'
import type { LocalView, LocalViewChanges } from './local-view.ts'
import type { Sink, SinkChanges } from './sink.ts'

/** How a lane goes about its work. */
export interface Pace {
  /** Milliseconds between the beginnings of two change sets, at least. */
  readonly minIntervalMs: number
  /** The shortest and the longest pause after a failure, in milliseconds. */
  readonly retryMs: readonly [shortest: number, longest: number]
}

type Untaken = { -readonly [field in keyof LocalViewChanges]: LocalViewChanges[field] }

/** What one sink was not told yet, and the loop that tells it: a sink that is slow or fails holds up no other one. */
export class Lane {
  readonly #state: LocalView
  readonly #sink: Sink
  readonly #hooks: SinkHooks
  readonly #pace: Pace
  readonly #ending = new AbortController()
  #untaken: Untaken | undefined
  #lateSince: number | undefined
  #wake: (() => void) | undefined
  #isFirst = true
  #revision = 0
  #failures = 0
  #error: unknown

  constructor(state: LocalView, sink: Sink, hooks: SinkHooks, pace: Pace) {
    this.#state = state
    this.#sink = sink
    this.#hooks = hooks
    this.#pace = pace
  }

  /** The sink is to be told of these changes, too. */
  add(changes: LocalViewChanges): void {
    this.#untaken = this.#untaken === undefined ? { ...changes } : merge(this.#untaken, changes)
    this.#lateSince ??= performance.now()
    this.#wake?.()
  }

  /** Tells the sink until {@link end}, and closes it. Never rejects for what the sink throws in `apply`. */
  async run(): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      const changes = await this.#take()
      if (changes === undefined) break
      const started = performance.now()
      const pauseMs = await this.#apply(changes, started)
      await delay(Math.max(0, started + pauseMs - performance.now()), undefined, { signal }).catch(() => undefined)
    }
    await this.#sink.close?.()
  }

  /** The sink is told nothing more; a change set that it is at is finished. */
  end(): void {
    this.#ending.abort()
    this.#wake?.()
  }

  health(): SinkHealth {
    const lateMs = this.#lateSince === undefined ? 0 : performance.now() - this.#lateSince
    const isInLine = !this.#isFirst && this.#lateSince === undefined
    return { sink: this.#sink.name, isInLine, lateMs, revision: this.#revision, error: this.#error }
  }

  /** Waits for changes. @returns undefined when this is the end */
  async #take(): Promise<LocalViewChanges | undefined> {
    if (this.#untaken === undefined && !this.#ending.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#ending.signal.aborted) return undefined
    const taken = this.#untaken
    this.#untaken = undefined
    return taken
  }

  /** @returns milliseconds from its beginning to that of the next. */
  async #apply(taken: LocalViewChanges, started: number): Promise<number> {
    const { name } = this.#sink
    try {
      await this.#sink.apply(await this.#changes(taken))
    } catch (error) {
      // What came meanwhile is newer.
      this.#untaken = this.#untaken === undefined ? { ...taken } : merge({ ...taken }, this.#untaken)
      this.#error = error
      const [shortest, longest] = this.#pace.retryMs
      const retryMs = Math.min(longest, shortest * 2 ** this.#failures++)
      this.#hooks.onFailed?.({ sink: name, error, failures: this.#failures, retryMs })
      return performance.now() - started + retryMs
    }
    this.#isFirst = false
    this.#revision = taken.revision
    this.#failures = 0
    this.#error = undefined
    if (this.#untaken === undefined) this.#lateSince = undefined
    const durationMs = performance.now() - started
    this.#hooks.onApplied?.({ sink: name, revision: taken.revision, services: taken.services.size, durationMs })
    return this.#pace.minIntervalMs
  }

  /** What changes while it is read comes once more. */
  async #changes({ revision, services: keys, node, serviceCIDRs }: LocalViewChanges): Promise<SinkChanges> {
    const services = new Map<ServiceKey, LocalService | undefined>()
    const slices = new Slices()
    for (const key of keys) {
      services.set(key, this.#state.local(key))
      if (slices.due()) await slices.pause()
    }
    return { revision, isFirst: this.#isFirst, services, node, serviceCIDRs }
  }
}

/** Both, the later one last. */
function merge(before: Untaken, after: LocalViewChanges): Untaken {
  return {
    revision: after.revision,
    services: new Set([...before.services, ...after.services]),
    node: after.node === undefined ? before.node : after.node,
    serviceCIDRs: after.serviceCIDRs ?? before.serviceCIDRs,
  }
}
