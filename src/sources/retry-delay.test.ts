import { expect, test } from 'vitest'
import { DEFAULT_TIMING } from './kube/timing.ts'
import { retryDelay } from './retry-delay.ts'

test.each([
  [1, 800, 1600],
  [2, 1600, 3200],
  [3, 3200, 6400],
  [6, 15_000, 30_000],
  [1_000_000, 15_000, 30_000],
])('after %i failures in a row the pause is %i to %i ms', (failures, shortest, longest) => {
  const pauses = Array.from({ length: 200 }, () => retryDelay(DEFAULT_TIMING.retryMs, failures))
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(shortest)
  expect(Math.max(...pauses)).toBeLessThanOrEqual(longest)
  expect(new Set(pauses).size).toBeGreaterThan(100)
})
