import { UsageError } from './failure.ts'

/** Milliseconds of each unit. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y

/**
 * Reads a duration in the syntax of Go's time.ParseDuration, such as `1h30m`, `500ms` or `0`; none is negative.
 *
 * @returns milliseconds, with a fraction when it is finer.
 * @throws UsageError that names the flag.
 */
export function parseDuration(flag: string, text: string): number {
  const milliseconds = durationOf(text)
  if (milliseconds !== undefined) return milliseconds
  throw new UsageError(`${flag}: "${text}" must be a duration such as 1h30m, 30s, 500ms or 0`)
}

/** The same; undefined when the text is no such duration. */
export function durationOf(text: string): number | undefined {
  if (text === '0') return 0
  let sum = 0
  PART.lastIndex = 0
  for (let at = 0; at < text.length || at === 0; at = PART.lastIndex) {
    const [, number, unit = ''] = PART.exec(text) ?? []
    if (number === undefined) return undefined
    sum += Number(number) * (UNITS[unit] ?? 0)
  }
  return sum
}

/** A duration as Go's Duration.String prints it: `0s`, `1.5s`, `1h0m0s`. Below a second it is in one unit, such as `250ms`. */
export function durationText(milliseconds: number): string {
  if (milliseconds === 0) return '0s'
  if (milliseconds < 1000) {
    const unit = milliseconds >= 1 ? 'ms' : milliseconds >= 1e-3 ? 'µs' : 'ns'
    return `${Number((milliseconds / (UNITS[unit] ?? 1)).toFixed(6))}${unit}`
  }
  const hours = Math.floor(milliseconds / 3_600_000)
  const minutes = Math.floor(milliseconds / 60_000) % 60
  const seconds = Number(((milliseconds % 60_000) / 1000).toFixed(9))
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`
}
