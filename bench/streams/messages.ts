/** Streams unless told. */
export const CLIENTS_DEFAULT = 1000

/** In the hostname of an endpoint: microseconds of the machine's monotonic clock when it was made. */
export const STAMP = 'made-'

/** What the server process tells. */
export interface ServerReport {
  readonly changes: number
  readonly seconds: number
  readonly cpuSeconds: number
  /** The most since the changes began. */
  readonly rssMB: number
}

/** What the clients' process tells. */
export interface ClientReport {
  /** Of each change at each stream, ascending. */
  readonly latenciesMs: readonly number[]
  readonly arrived: number
  /** Change sets of the stream that got fewest, and most. */
  readonly slowest: number
  readonly fastest: number
}

/** Microseconds of the clock that all processes of the machine share. */
export function nowMicroseconds(): number {
  return Number(process.hrtime.bigint() / 1000n)
}
