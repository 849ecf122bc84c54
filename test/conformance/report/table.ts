import type { Outcome } from '../outcome.ts'
import { PROMISE_NUMBERS, PROMISES } from '../promises.ts'

/** What a row of the table is about. */
export interface RowKey {
  readonly promise: number
  readonly id: string
}

/** A row for each promise and case that shows it, in order. */
export function rowKeys(cases: readonly { id: string; promises: readonly number[] }[]): RowKey[] {
  return PROMISE_NUMBERS.flatMap((promise) =>
    cases.filter(({ promises }) => promises.includes(promise)).map(({ id }) => ({ promise, id })),
  )
}

/** docs/reference/conformance.md, of a run of the whole suite. */
export function tablePage(outcomes: readonly Outcome[], plane: string): string {
  const byId = new Map(outcomes.map((outcome) => [outcome.id, outcome]))
  const rows = rowKeys(outcomes).map(({ promise, id }) => {
    const outcome = byId.get(id)
    return `| ${promise} | \`${id}\` | ${plane} | ${outcome === undefined ? '' : resultText(outcome)} |`
  })
  const promises = PROMISE_NUMBERS.map((number) => `| ${number} | ${PROMISES.promises[String(number)] ?? ''} |`)
  return [
    '# Conformance',
    '',
    'Every promise of the Service contract with the cases that show it. `npm run conformance -- --plane nft --write-table` runs',
    'them and writes this page; [test/conformance](../../test/conformance/README.md) says what a case is.',
    '',
    '| promise | case | plane | result |',
    '|---|---|---|---|',
    ...rows,
    '',
    '## The promises',
    '',
    '| number | promise |',
    '|---|---|',
    ...promises,
    '',
  ].join('\n')
}

function resultText({ state, reason, checks }: Outcome): string {
  switch (state) {
    case 'pass':
      return 'pass'
    case 'fail':
      return `fail: ${checks.filter(({ passed }) => !passed).length} of ${checks.length}`
    case 'declined':
      return `declined: ${reason}`
    case 'later':
      return `later: ${reason}`
    case 'other plane':
      return `other plane: ${reason}`
    case 'left out':
      return `left out: ${reason}`
    case 'shown by':
      return `shown by ${reason}`
  }
}
