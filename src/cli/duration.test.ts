import { expect, test } from 'vitest'
import { parseDuration } from './duration.ts'

test.each([
  ['0', 0],
  ['0s', 0],
  ['1s', 1000],
  ['500ms', 500],
  ['1h30m', 5_400_000],
  ['1.5s', 1500],
  ['24h0m0s', 86_400_000],
])('%s', (text, milliseconds) => {
  expect(parseDuration('--sync-period', text)).toBe(milliseconds)
})

test.each(['', '1', 's', '-1s', '1d', '1s ', '1m2', '1e3s'])('not a duration: "%s"', (text) => {
  expect(() => parseDuration('--sync-period', text)).toThrow('--sync-period')
})
