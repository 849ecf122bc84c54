import { Backoff } from '../observe/backoff.ts'

export interface SyncPeriods {
  /** Milliseconds between the beginnings of two syncs, at least. */
  readonly minSyncPeriod: number
  /** Milliseconds between two full checks; 0 for never. */
  readonly syncPeriod: number
}

/**
 * When to sync (promise 89): what changes first is served at once, a burst behind it together after `minSyncPeriod`; what
 * failed is tried again, at growing intervals; and everything is checked each `syncPeriod`.
 */
export class SyncSchedule {
  readonly #periods: SyncPeriods
  readonly #now: () => number
  #lastStart = Number.NEGATIVE_INFINITY
  #checkAt: number
  readonly #backoff = new Backoff()
  #retryAt = Number.POSITIVE_INFINITY

  constructor(periods: SyncPeriods, now: () => number = () => performance.now()) {
    this.#periods = periods
    this.#now = now
    this.#checkAt = this.#nextCheck()
  }

  /** Milliseconds until the next sync may begin, whatever it is for; 0 when it may at once. */
  get allowedIn(): number {
    return Math.max(0, this.#lastStart + this.#periods.minSyncPeriod - this.#now())
  }

  /** Milliseconds until there is something to do though nothing changed; Infinity for never. */
  get dueIn(): number {
    return Math.max(0, Math.min(this.#checkAt, this.#retryAt) - this.#now())
  }

  /** True when it is time for a full check. */
  get isCheckDue(): boolean {
    return this.#now() >= this.#checkAt
  }

  /** A sync begins. */
  started(): void {
    this.#lastStart = this.#now()
    if (this.isCheckDue) this.#checkAt = this.#nextCheck()
  }

  succeeded(): void {
    this.#backoff.reset()
    this.#retryAt = Number.POSITIVE_INFINITY
  }

  failed(): void {
    this.#retryAt = this.#now() + this.#backoff.next()
  }

  #nextCheck(): number {
    return this.#periods.syncPeriod === 0 ? Number.POSITIVE_INFINITY : this.#now() + this.#periods.syncPeriod
  }
}
