/** How the tests of a suite, or of all suites, ended. */
export interface Count {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export function addCounts(counts: readonly Count[]): Count {
  const sum = (key: keyof Count): number => counts.reduce((total, count) => total + count[key], 0)
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }
}

export function isEmpty({ passed, failed, skipped }: Count): boolean {
  return passed + failed + skipped === 0
}

/** `3 passed, 0 failed`, and `, 1 skipped` where there are skips. */
export function formatCount({ passed, failed, skipped }: Count): string {
  const counted = `${passed} passed, ${failed} failed`
  return skipped === 0 ? counted : `${counted}, ${skipped} skipped`
}
