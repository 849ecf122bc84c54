import type { RetryRange } from '../retry-delay.ts'

/** How patient a reflector is. All in milliseconds. */
export interface Timing {
  /** How long a watch lasts, as it is asked of the API server: at random between this and twice as much. */
  readonly watchMs: number
  /** What a watch may last longer than was asked before it is ended from here. */
  readonly watchMarginMs: number
  /** How long a watch may be silent; API servers send a bookmark about every minute, or every two when nothing is written. */
  readonly idleMs: number
  /** How long an answer may take to begin, and to go on. */
  readonly answerMs: number
  /** How long a list that comes as a watch may be quiet before it is complete; API servers say so within seconds. */
  readonly listQuietMs: number
  readonly retryMs: RetryRange
  /** A watch that ends earlier, without having told anything, counts as a failure. */
  readonly shortWatchMs: number
  /** When to ask again for what the API server does not serve. */
  readonly notServedMs: number
}

export const DEFAULT_TIMING: Timing = {
  watchMs: 300_000,
  watchMarginMs: 30_000,
  idleMs: 180_000,
  answerMs: 30_000,
  listQuietMs: 20_000,
  retryMs: [800, 30_000],
  shortWatchMs: 1000,
  notServedMs: 300_000,
}
