import type { Problem } from '../model/object.ts'

interface Listeners {
  readonly onProblem?: (problem: Problem) => void
  readonly onProblems?: (problems: readonly Problem[]) => void
}

/** Tells listeners what is new. */
export class ProblemTeller {
  readonly #listeners: Listeners
  #known = new Set<string>()

  constructor(listeners: Listeners) {
    this.#listeners = listeners
  }

  tell(problems: readonly Problem[]): void {
    const before = this.#known
    const known = new Set(problems.map(keyOf))
    this.#known = known
    for (const problem of problems) if (!before.has(keyOf(problem))) this.#listeners.onProblem?.(problem)
    const isSame = known.size === before.size && [...known].every((key) => before.has(key))
    if (!isSame) this.#listeners.onProblems?.(problems)
  }
}

/** Without the line, which changes whenever something above is edited. */
function keyOf({ severity, object, field, message, origin }: Problem): string {
  return [severity, object, field, message, origin.replace(/(?::\d+)+$/, '')].join('\n')
}
