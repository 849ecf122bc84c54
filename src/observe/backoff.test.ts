import { expect, test } from 'vitest'
import { Backoff } from './backoff.ts'

test('pauses grow from the shortest to the longest, and begin anew after a success', () => {
  const backoff = new Backoff([200, 1000])
  expect(Array.from({ length: 5 }, () => backoff.next())).toEqual([200, 400, 800, 1000, 1000])
  backoff.reset()
  expect(backoff.next()).toBe(200)
})
