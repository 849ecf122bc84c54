import { expect, test } from 'vitest'
import { isSeen } from './resource-version.ts'

test.each([
  ['99', '100', true],
  ['100', '100', true],
  ['101', '100', false],
  ['18446744073709551615', '18446744073709551616', true],
  ['18446744073709551617', '18446744073709551616', false],
  ['abc', '100', false],
  ['99', 'abc', false],
  ['99', '', false],
  ['0099', '100', false],
])('%s was seen by who has come to %s: %s', (a, b, expected) => {
  expect(isSeen(a, b)).toBe(expected)
})
