import type { Problem } from '../../model/object.ts'
import type { SourceError } from '../error.ts'
import { ProblemTeller } from '../problem-teller.ts'

/** What is wrong with what a server told, and with the server. */
export class RemoteProblems {
  readonly #byGroup = new Map<string, readonly Problem[]>()
  readonly #teller: ProblemTeller
  #failure: SourceError | undefined

  /** @param onProblem called once for each problem that is new */
  constructor(onProblem: ((problem: Problem) => void) | undefined) {
    this.#teller = new ProblemTeller(onProblem === undefined ? {} : { onProblem })
  }

  /** What is wrong with a group now; empty when nothing is. */
  set(group: string, problems: readonly Problem[]): void {
    if (problems.length === 0) this.#byGroup.delete(group)
    else this.#byGroup.set(group, problems)
  }

  /** Why there is no stream; undefined when there is one. */
  setFailure(failure: SourceError | undefined): void {
    this.#failure = failure
    this.tell()
  }

  tell(): void {
    this.#teller.tell(this.list())
  }

  list(): Problem[] {
    const problems = [...this.#byGroup.values()].flat()
    if (this.#failure === undefined) return problems
    const { reason, origin } = this.#failure
    const message = `${reason}; what it told stays, and it is tried again`
    return [{ severity: 'error', object: '', field: '', message, origin }, ...problems]
  }
}
