import type { ObjectId, Problem } from '../object.ts'

/** Problems of one object that are told one by one; what comes after is only counted, so that no object floods the log. */
const MAX_PROBLEMS_PER_OBJECT = 20

const MAX_SHOWN = 80

/** Collects the problems of one object after the other. */
export class Report {
  /** Where the objects come from: `FILE:LINE`, or empty. */
  readonly origin: string
  readonly problems: Problem[]
  #object = ''
  #id: ObjectId | '' = ''
  #count = 0

  constructor(origin: string, problems: Problem[]) {
    this.origin = origin
    this.problems = problems
  }

  /** Problems of the present object so far; whoever sees it grow knows that what it read in between was bad. */
  get count(): number {
    return this.#count
  }

  /** The present object's id; empty until its name is known to be good. */
  get id(): ObjectId | '' {
    return this.#id
  }

  /** Starts the next object, for example `Service ns/name`, or as much of it as is known yet. */
  begin(object: string): void {
    this.end()
    this.#object = object
    this.#id = ''
  }

  /** Says more precisely what the present object is, though its name is not good. */
  rename(object: string): void {
    this.#object = object
  }

  /** The present object has a good name. */
  identify(id: string): void {
    this.#object = id
    this.#id = id as ObjectId
  }

  /** Ends the present object: problems that were only counted are told as a number. */
  end(): void {
    const untold = this.#count - MAX_PROBLEMS_PER_OBJECT
    if (untold > 0) this.#push('warning', '', `${untold} more problems of this object`)
    this.#count = 0
  }

  /** The field is ignored and the rest of the object is used. */
  warning(field: string, message: string, kind?: Problem['kind']): void {
    this.#count++
    if (this.#count <= MAX_PROBLEMS_PER_OBJECT) this.#push('warning', field, message, kind)
  }

  /** The object is not used at all. */
  error(field: string, message: string): undefined {
    this.#count++
    this.#push('error', field, message)
  }

  #push(severity: Problem['severity'], field: string, message: string, kind?: Problem['kind']): void {
    this.problems.push({ severity, object: this.#object, field, message, ...(kind && { kind }), origin: this.origin })
  }
}

/** `found 70000; accepted: a whole number from 1 to 65535`. */
export function foundInstead(value: unknown, accepted: string): string {
  return `found ${describe(value)}; accepted: ${accepted}`
}

/** An untrusted value in a few words: at most about 80 characters, one line, without control characters. Never throws. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'string') {
    return value.length <= MAX_SHOWN ? JSON.stringify(value) : `${JSON.stringify(value.slice(0, MAX_SHOWN))}...`
  }
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return value.length === 1 ? 'a list of 1 entry' : `a list of ${value.length} entries`
  return typeof value === 'object' ? 'a mapping' : `a ${typeof value}`
}
