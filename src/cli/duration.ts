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
  if (text === '0') return 0
  let sum = 0
  PART.lastIndex = 0
  for (let at = 0; at < text.length || at === 0; at = PART.lastIndex) {
    const [, number, unit = ''] = PART.exec(text) ?? []
    if (number === undefined) {
      throw new UsageError(`${flag}: "${text}" must be a duration such as 1h30m, 30s, 500ms or 0`)
    }
    sum += Number(number) * (UNITS[unit] ?? 0)
  }
  return sum
}
