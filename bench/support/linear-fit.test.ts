import { expect, test } from 'vitest'
import { linearFit } from './linear-fit.ts'

test('a line is found, and how sure it is', () => {
  const exact = linearFit([
    [0, 1],
    [1, 3],
    [2, 5],
  ])
  expect(exact.slope).toBeCloseTo(2)
  expect(exact.standardError).toBeCloseTo(0)
  // The example of a textbook: residuals 0.1, -0.2, 0.1 around a slope of 1.
  const noisy = linearFit([
    [0, 0.1],
    [1, 0.8],
    [2, 2.1],
  ])
  expect(noisy.slope).toBeCloseTo(1)
  expect(noisy.standardError).toBeCloseTo(Math.sqrt(0.06 / 2))
  expect(
    linearFit([
      [0, 1],
      [1, 2],
    ]).standardError,
  ).toBeNaN()
})
