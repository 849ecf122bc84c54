import { SuiteError } from '../error.ts'

/** A value of a case file with the place where it stands, for messages: `promises.json: cases[3].env`. */
export class Value {
  readonly raw: unknown
  readonly where: string

  constructor(raw: unknown, where: string) {
    this.raw = raw
    this.where = where
  }

  /** @throws SuiteError always */
  fail(message: string): never {
    throw new SuiteError('FORMAT', `${this.where}: ${message}`)
  }

  get isAbsent(): boolean {
    return this.raw === undefined || this.raw === null
  }

  /** The member of an object; its value may be absent. */
  get(key: string): Value {
    return new Value(this.object()[key], `${this.where}.${key}`)
  }

  object(): Readonly<Record<string, unknown>> {
    if (typeof this.raw !== 'object' || this.raw === null || Array.isArray(this.raw)) this.fail('must be an object')
    return this.raw as Record<string, unknown>
  }

  /** The members of an object that has no others than the known ones. */
  fields<K extends string>(known: readonly K[]): Record<K, Value> {
    const unknown = Object.keys(this.object()).filter((key) => !(known as readonly string[]).includes(key))
    if (unknown.length > 0) this.fail(`"${unknown.join('", "')}" is not known; there are: ${known.join(', ')}`)
    return Object.fromEntries(known.map((key) => [key, this.get(key)])) as Record<K, Value>
  }

  /** Empty when absent. */
  list(): Value[] {
    if (this.isAbsent) return []
    if (!Array.isArray(this.raw)) this.fail('must be a list')
    return this.raw.map((item: unknown, index) => new Value(item, `${this.where}[${index}]`))
  }

  text(): string {
    if (typeof this.raw !== 'string') this.fail('must be text')
    return this.raw
  }

  number(): number {
    if (typeof this.raw !== 'number') this.fail('must be a number')
    return this.raw
  }

  flag(): boolean {
    if (typeof this.raw !== 'boolean') this.fail('must be true or false')
    return this.raw
  }

  texts(): string[] {
    return this.list().map((item) => item.text())
  }

  /** What `read` makes of it; undefined when absent. */
  optional<T>(read: (value: Value) => T): T | undefined {
    return this.isAbsent ? undefined : read(this)
  }
}
