import { expect, test } from 'vitest'
import { durationText, parseDuration } from './duration.ts'
import { UsageError } from './failure.ts'

test.each([
  ['0', 0],
  ['0s', 0],
  ['24h', 86_400_000],
  ['1h30m', 5_400_000],
  ['500ms', 500],
  ['1.5s', 1500],
  ['.5m', 30_000],
  ['1m0.25s', 60_250],
  ['250us', 0.25],
  ['250µs', 0.25],
])('%s is %d ms', (text, milliseconds) => {
  expect(parseDuration('--flag', text)).toBeCloseTo(milliseconds, 9)
})

test.each(['', '1', '-1s', '1s ', ' 1s', 's', '1d', '1h30', '1h-30m', '1..5s', 'one second', '1e3s'])(
  '"%s" is none',
  (text) => {
    expect(() => parseDuration('--flag', text)).toThrow(UsageError)
    expect(() => parseDuration('--flag', text)).toThrow(`--flag: "${text}" must be a duration`)
  },
)

test.each([
  ['0', '0s'],
  ['30s', '30s'],
  ['90s', '1m30s'],
  ['24h', '24h0m0s'],
  ['1.5s', '1.5s'],
  ['1h0.25s', '1h0m0.25s'],
  ['250ms', '250ms'],
  ['1.5ms', '1.5ms'],
  ['20us', '20µs'],
  ['7ns', '7ns'],
])('%s is printed as Go prints it, %s', (text, printed) => {
  expect(durationText(parseDuration('--flag', text))).toBe(printed)
  expect(parseDuration('--flag', printed)).toBeCloseTo(parseDuration('--flag', text), 9)
})
