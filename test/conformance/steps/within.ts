import { setTimeout as delay } from 'node:timers/promises'
import { now } from '../../lab/index.ts'

const EVERY_MS = 20

/** Looks again until what is seen is good, for so many milliseconds at most; gives what was seen last. */
export async function lookWithin<T extends { readonly passed: boolean }>(
  milliseconds: number,
  look: () => Promise<T>,
): Promise<T> {
  const deadline = now() + milliseconds
  for (;;) {
    const seen = await look()
    if (seen.passed || now() >= deadline) return seen
    await delay(EVERY_MS)
  }
}
