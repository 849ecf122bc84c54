import { problemText } from '../../../src/observe/status.ts'
import { matches, patternText, type TextPattern, textFaults } from './match.ts'
import type { StepKind } from './step.ts'
import { lookWithin } from './within.ts'

interface StatusStep {
  readonly id: string
  /** A part of the status; objects may have more keys. */
  readonly match: unknown
  /** Texts that stand in some problem, and that stand in none. */
  readonly problems: TextPattern
  /** Milliseconds. */
  readonly within: number
}

const DEFAULT_WITHIN = 5000

/** Compares `sluice status`. */
export const status: StepKind<StatusStep> = {
  read(value, { id }) {
    const fields = value.fields(['id', 'match', 'problems', 'noProblems', 'within'])
    return {
      id: fields.id.optional((text) => text.text()) ?? id,
      match: fields.match.raw ?? {},
      problems: { contains: fields.problems.texts(), lacks: fields.noProblems.texts() },
      within: fields.within.optional((time) => time.number()) ?? DEFAULT_WITHIN,
    }
  },
  async run(context, { id, match, problems, within }) {
    const seen = await lookWithin(within, async () => {
      const now = await context.status()
      const text = now.problems.map(problemText).join('\n')
      const faults = textFaults(text, problems)
      return { passed: faults.length === 0 && matches(now, match), text: JSON.stringify(now) }
    })
    const expected = [JSON.stringify(match), patternText(problems)].filter((text) => text !== '{}' && text !== '')
    context.check({ id, name: 'status', passed: seen.passed, expected: expected.join(', '), seen: seen.text })
  },
}
