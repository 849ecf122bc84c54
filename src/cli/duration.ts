import { UsageError } from './failure.ts'

const UNIT_MS: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const ACCEPTED = 'a duration such as 30s, 500ms, 1h30m or 0'

/**
 * Reads a duration as Go and Kubernetes write it.
 *
 * @returns milliseconds, 0 or more.
 * @throws UsageError that names the flag.
 */
export function parseDuration(flag: string, text: string): number {
  if (text === '0') return 0
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) throw new UsageError(`${flag}: "${text}" must be ${ACCEPTED}`)
  let total = 0
  for (const [, number, , unit = ''] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(number) * (UNIT_MS[unit] ?? 0)
  }
  return Math.round(total)
}
