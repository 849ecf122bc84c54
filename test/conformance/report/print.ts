import type { Outcome, Totals } from '../outcome.ts'

/** The lines of a case: one for each check, or one that says why there is none. */
export function outcomeLines({ id, title, state, reason, checks }: Outcome): string[] {
  if (checks.length === 0) {
    const why = reason === '' ? 'it checked nothing' : reason
    return [`${(state === 'fail' ? 'FAIL' : state).padEnd(5)} ${id}: ${title} (${why})`]
  }
  return checks.flatMap((check) => {
    const place = check.id === id || check.id.startsWith(`${id}/`) ? check.id : `${check.id} (${id})`
    if (check.passed) return [`pass  ${place}: ${check.name}`]
    return [`FAIL  ${place}: ${check.name}`, `        expected ${check.expected}`, `        seen     ${check.seen}`]
  })
}

/** What is counted apart, and as the last line what passed and failed. */
export function totalLines(totals: Totals): string[] {
  return [
    `other plane: ${totals.otherPlane}`,
    `declined: ${totals.declined}`,
    `later: ${totals.later}`,
    `left out: ${totals.leftOut}`,
    `shown by other tests: ${totals.shownBy}`,
    `packet probes: ${totals.probes}, with ${totals.connections} connections`,
    `${totals.passed} passed, ${totals.failed} failed`,
  ]
}
