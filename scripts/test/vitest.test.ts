import { expect, test } from 'vitest'
import { countReport, type VitestReport } from './vitest.ts'

const empty: VitestReport = {
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
}

test('tests are counted, and tests that wait are skipped', () => {
  const report = { ...empty, numPassedTests: 5, numPendingTests: 2, numTodoTests: 1 }
  expect(countReport(report, 0)).toEqual({ passed: 5, failed: 0, skipped: 3 })
})

test('a file that does not load is a failure', () => {
  const testResults = [
    { status: 'failed', assertionResults: [] },
    { status: 'passed', assertionResults: [{ status: 'passed' }] },
  ]
  expect(countReport({ ...empty, numPassedTests: 1, testResults }, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 })
})

test('a failed test is counted once, not again with its file', () => {
  const testResults = [{ status: 'failed', assertionResults: [{ status: 'passed' }, { status: 'failed' }] }]
  const report = { ...empty, numPassedTests: 1, numFailedTests: 1, testResults }
  expect(countReport(report, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 })
})

test('an error outside of every test, which only the exit code tells, is a failure', () => {
  expect(countReport({ ...empty, numPassedTests: 3 }, 1)).toEqual({ passed: 3, failed: 1, skipped: 0 })
})
