import type { ClusterObject, Problem } from '../../model/object.ts'
import type { SourceError } from '../error.ts'

/** Why nothing comes of one kind of object. */
export interface Failure {
  readonly kind: ClusterObject['kind']
  readonly error: SourceError
  /** There is something that is served meanwhile. */
  readonly isSynced: boolean
}

export interface OutageListeners {
  /** Called once for each reason. */
  readonly onProblem?: ((problem: Problem) => void) | undefined
  /** Called once when all is well again. */
  readonly onNotice?: ((message: string) => void) | undefined
}

/** Reasons that are told of one outage: some messages have numbers in them that change with each attempt. */
const MAX_TOLD = 10

/** An API server that does not answer is one outage, however many kinds of objects it is asked for. */
export class Outage {
  readonly #listeners: OutageListeners
  readonly #now: () => number
  readonly #told = new Set<string>()
  #failures: readonly Failure[] = []
  #since: number | undefined

  /** @param now milliseconds from some fixed moment on */
  constructor(listeners: OutageListeners, now: () => number) {
    this.#listeners = listeners
    this.#now = now
  }

  /** What fails at present; empty when all is well. */
  update(failures: readonly Failure[]): void {
    this.#failures = failures
    if (failures.length === 0) return this.#end()
    this.#since ??= this.#now()
    for (const [reason, sharing] of this.#reasons()) {
      if (this.#told.has(reason) || this.#told.size >= MAX_TOLD) continue
      this.#told.add(reason)
      this.#listeners.onProblem?.(problemOf(sharing))
    }
  }

  /** One for each reason; empty when all is well. */
  problems(): Problem[] {
    return [...this.#reasons().values()].map(problemOf)
  }

  #end(): void {
    if (this.#since === undefined) return
    const seconds = Math.round((this.#now() - this.#since) / 1000)
    this.#since = undefined
    this.#told.clear()
    this.#listeners.onNotice?.(`the API server answers again after ${seconds} s`)
  }

  #reasons(): Map<string, readonly Failure[]> {
    return Map.groupBy(this.#failures, reasonOf)
  }
}

/** A connection fails in one way or another, and that makes no difference. */
function reasonOf({ error }: Failure): string {
  return error.code === 'SOURCE_UNREACHABLE' ? error.code : `${error.code} ${error.reason}`
}

function problemOf(failures: readonly Failure[]): Problem {
  const object = failures.map(({ kind }) => kind).join(', ')
  const [first] = failures
  if (first === undefined) throw new TypeError('a reason without a failure')
  const { reason, origin } = first.error
  const message = first.isSynced ? `${reason}; what was known is still served` : reason
  return { severity: 'warning', object, field: '', message, origin }
}
