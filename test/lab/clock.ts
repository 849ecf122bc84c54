import { setTimeout as delay } from 'node:timers/promises'
import { LabError } from './error.ts'

/** Milliseconds since the epoch with a fraction; comparable across threads, which `performance.now()` is not. */
export function now(): number {
  return performance.timeOrigin + performance.now()
}

/** How long and how often `until` looks. */
export interface UntilOptions {
  timeoutMs?: number
  everyMs?: number
  /** What is waited for, for the error message. */
  what?: string
}

/** Checks a condition again and again until it gives something truthy, which is returned. */
export async function until<T>(check: () => T | Promise<T>, options: UntilOptions = {}): Promise<NonNullable<T>> {
  const { timeoutMs = 5000, everyMs = 2, what = 'a condition' } = options
  const deadline = now() + timeoutMs
  for (;;) {
    const value = await check()
    if (value) return value
    if (now() > deadline) throw new LabError('TIMEOUT', `${what} did not come true within ${timeoutMs} ms`)
    await delay(everyMs)
  }
}
