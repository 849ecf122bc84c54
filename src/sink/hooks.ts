/** Told what sinks do, for logs and metrics. A hook that throws stops everything, so none should. */
export interface SinkHooks {
  /** A sink has taken over a change set. */
  onApplied?(event: SinkApplied): void
  /** A sink failed to; it is tried again. */
  onFailed?(event: SinkFailed): void
}

/** A sink has taken over a change set. */
export interface SinkApplied {
  /** The sink's name. */
  readonly sink: string
  /** Revision of the state that the sink is in line with now. */
  readonly revision: number
  /** Services that were named as changed. */
  readonly services: number
  /** How long the sink took, in milliseconds. */
  readonly durationMs: number
}

/** A sink failed to take over a change set. */
export interface SinkFailed {
  /** The sink's name. */
  readonly sink: string
  /** What it threw. */
  readonly error: unknown
  /** How many times it has failed since it last succeeded; from 1. */
  readonly failures: number
  /** When it is tried again, in milliseconds from now. */
  readonly retryMs: number
}

/** How a sink is. */
export interface SinkHealth {
  /** The sink's name. */
  readonly sink: string
  /** True when it has taken over everything that is known, and the first state was. */
  readonly isInLine: boolean
  /** Milliseconds for which it has not been in line; 0 when it is, or when there was no state yet. */
  readonly lateMs: number
  /** Revision of the state that it is in line with; 0 before the first. */
  readonly revision: number
  /** What it threw last; undefined when it has succeeded since. */
  readonly error: unknown
}
