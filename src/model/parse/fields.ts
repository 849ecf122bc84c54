import { foundInstead, type Report } from './report.ts'

const NONE: readonly never[] = Object.freeze([])

/** Letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit: wider than any Kubernetes name. */
const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/

/** True when the text can be a Kubernetes name: no `/`, no space, no control character, at most `max` characters. */
export function isName(text: unknown, max: number): text is string {
  return typeof text === 'string' && text.length <= max && NAME.test(text)
}

/**
 * Reads the fields of one mapping of an untrusted object. Every method gives a value that is right, or says what is wrong
 * as a warning and gives what an absent field would give. `null` is the same as absent, as in Kubernetes. Nothing throws.
 */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>
  readonly #report: Report
  readonly #parent: string
  readonly #index: number

  private constructor(values: Record<string, unknown>, report: Report, parent: string, index: number) {
    this.#values = values
    this.#report = report
    this.#parent = parent
    this.#index = index
  }

  /**
   * @param parent path of the mapping, or of the list that it is in; empty for the object itself
   * @param index position in that list; -1 when it is in none
   * @returns undefined when the value is no mapping, which the caller reports.
   */
  static of(value: unknown, report: Report, parent: string, index = -1): Fields | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return new Fields(value as Record<string, unknown>, report, parent, index)
  }

  /** The field's path in the object, for example `spec.ports[0].port`. Made only when there is a problem to report. */
  path(key: string): string {
    if (this.#parent === '') return key
    return this.#index < 0 ? `${this.#parent}.${key}` : `${this.#parent}[${this.#index}].${key}`
  }

  /** The value as it is; undefined when absent or null. */
  raw(key: string): unknown {
    return this.#values[key] ?? undefined
  }

  has(key: string): boolean {
    return this.raw(key) !== undefined
  }

  keys(): string[] {
    return Object.keys(this.#values)
  }

  /** Warns that the field's value is not what is accepted. */
  warn(key: string, accepted: string): undefined {
    this.#report.warning(this.path(key), foundInstead(this.#values[key], accepted))
  }

  /** Refuses the whole object because of this field. */
  error(key: string, accepted: string): undefined {
    this.#report.error(this.path(key), foundInstead(this.#values[key], accepted))
  }

  /** Empty when absent. */
  text(key: string): string {
    const value = this.raw(key)
    if (typeof value === 'string') return value
    if (value !== undefined) this.warn(key, 'text')
    return ''
  }

  /** A name of at most `max` characters; empty when absent. */
  name(key: string, max: number): string {
    const value = this.raw(key)
    if (value === undefined || value === '') return ''
    if (isName(value, max)) return value
    this.warn(key, `a name of letters, digits, "-", "_" and ".", at most ${max} characters`)
    return ''
  }

  /** A whole number from min to max; undefined when absent. */
  integer(key: string, min: number, max: number): number | undefined {
    const value = this.raw(key)
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    return this.warn(key, `a whole number from ${min} to ${max}`)
  }

  /** undefined when absent. */
  flag(key: string): boolean | undefined {
    const value = this.raw(key)
    if (value === undefined || typeof value === 'boolean') return value
    return this.warn(key, 'true or false')
  }

  /** One of the words; `otherwise` when absent. */
  oneOf<T extends string>(key: string, words: readonly T[], otherwise: T): T {
    const value = this.raw(key)
    if (value === undefined || value === '') return otherwise
    if ((words as readonly unknown[]).includes(value)) return value as T
    this.warn(key, `${words.join(', ')} (${otherwise} is taken)`)
    return otherwise
  }

  /** Empty when absent. */
  list(key: string): readonly unknown[] {
    const value = this.raw(key)
    if (value === undefined) return NONE
    if (Array.isArray(value)) return value
    this.warn(key, 'a list')
    return NONE
  }

  /** undefined when absent. */
  map(key: string): Fields | undefined {
    const value = this.raw(key)
    if (value === undefined) return undefined
    return Fields.of(value, this.#report, this.path(key)) ?? this.warn(key, 'a mapping')
  }

  /** The mappings of a list; entries that are something else are left out with a warning. */
  *maps(key: string): Generator<Fields> {
    const list = this.list(key)
    if (list.length === 0) return
    const parent = this.path(key)
    for (let i = 0; i < list.length; i++) {
      const fields = Fields.of(list[i], this.#report, parent, i)
      if (fields !== undefined) yield fields
      else this.#report.warning(`${parent}[${i}]`, foundInstead(list[i], 'a mapping'))
    }
  }
}
