import { expect, test } from 'vitest'
import { enoughConnections, hitBounds } from './chance.ts'

/** Chance that one of `among` endpoints is missed by so many connections; an upper bound. */
const missed = (among: number, connections: number) => among * (1 - 1 / among) ** connections

test.each([2, 3, 5, 20, 100])('%d endpoints are all hit, but for one case in a million', (among) => {
  const count = enoughConnections(1, among)
  expect(missed(among, count)).toBeLessThanOrEqual(1e-6)
  expect(missed(among, count - 1)).toBeGreaterThan(1e-6)
})

test('a spread gets more connections than a single endpoint', () => {
  expect(enoughConnections(1, 1)).toBe(2)
  expect(enoughConnections(10, 10)).toBeGreaterThanOrEqual(300)
})

test('one endpoint gets everything', () => {
  expect(hitBounds(7, 1)).toEqual({ least: 7, most: 7 })
})

test.each([
  [60, 2],
  [90, 3],
  [600, 3],
  [3000, 100],
])('bounds of %d connections over %d endpoints are around the mean, and leave out what is not fair', (count, among) => {
  const { least, most } = hitBounds(count, among)
  const mean = count / among
  const deviation = Math.sqrt(mean * (1 - 1 / among))
  expect(least).toBeLessThan(mean - 3 * deviation)
  expect(least).toBeGreaterThanOrEqual(Math.max(0, mean - 7 * deviation))
  expect(most).toBeGreaterThan(mean + 3 * deviation)
  expect(most).toBeLessThan(mean + 8 * deviation)
})
