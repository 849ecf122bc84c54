import type { Check } from './context.ts'
import type { Case } from './format/case.ts'

/** How a case ended, or why it was not run. */
export type State = 'pass' | 'fail' | 'declined' | 'later' | 'other plane' | 'left out' | 'shown by'

/** A case, or a section as a whole, with how it ended. */
export interface Outcome {
  readonly id: string
  readonly title: string
  readonly promises: readonly number[]
  readonly state: State
  /** Why it was not run, or which test shows it; empty when the checks say it all. */
  readonly reason: string
  readonly checks: readonly Check[]
  readonly probes: number
  readonly connections: number
}

/** The outcome of a case of which no packet was sent. */
export function notRun(
  { id, title, promises }: Pick<Case, 'id' | 'title' | 'promises'>,
  state: State,
  reason: string,
): Outcome {
  const passed = state !== 'fail'
  const checks = passed ? [] : [{ id, name: title, passed, expected: 'to be shown', seen: reason }]
  return { id, title, promises, state, reason, checks, probes: 0, connections: 0 }
}

/** Pass when all checks did; a case that has checked nothing has shown nothing. */
export function stateOf(checks: readonly Check[]): State {
  return checks.length > 0 && checks.every(({ passed }) => passed) ? 'pass' : 'fail'
}

/** Sums over all outcomes. */
export interface Totals {
  readonly passed: number
  readonly failed: number
  readonly otherPlane: number
  readonly declined: number
  readonly later: number
  readonly leftOut: number
  readonly shownBy: number
  readonly probes: number
  readonly connections: number
}

export function totalsOf(outcomes: readonly Outcome[]): Totals {
  const checks = outcomes.flatMap((outcome) => outcome.checks)
  const count = (state: State) => outcomes.filter((outcome) => outcome.state === state).length
  const sum = (key: 'probes' | 'connections') => outcomes.reduce((total, outcome) => total + outcome[key], 0)
  return {
    passed: checks.filter(({ passed }) => passed).length,
    failed: checks.filter(({ passed }) => !passed).length,
    otherPlane: count('other plane'),
    declined: count('declined'),
    later: count('later'),
    leftOut: count('left out'),
    shownBy: count('shown by'),
    probes: sum('probes'),
    connections: sum('connections'),
  }
}
