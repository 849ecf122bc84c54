import type { Problem } from '../model/object.ts'

interface Listeners<P> {
  readonly onProblem?: (problem: P) => void
  readonly onProblems?: (problems: readonly P[]) => void
}

/** What two problems are told apart by. */
type Told = Omit<Problem, 'kind'>

/** Tells listeners what is new. */
export class ProblemTeller<P extends Told = Problem> {
  readonly #listeners: Listeners<P>
  #known = new Set<string>()

  constructor(listeners: Listeners<P>) {
    this.#listeners = listeners
  }

  tell(problems: readonly P[]): void {
    const before = this.#known
    const known = new Set(problems.map(keyOf))
    this.#known = known
    for (const problem of problems) if (!before.has(keyOf(problem))) this.#listeners.onProblem?.(problem)
    const isSame = known.size === before.size && [...known].every((key) => before.has(key))
    if (!isSame) this.#listeners.onProblems?.(problems)
  }
}

/** Without the line, which changes whenever something above is edited. */
function keyOf({ severity, object, field, message, origin }: Told): string {
  return [severity, object, field, message, origin.replace(/(?::\d+)+$/, '')].join('\n')
}
