import { isDeepStrictEqual } from 'node:util'

/** What leads from the entries that are there to those that are wanted. */
export interface Difference<Value> {
  /** Entries that are new or have another value. */
  readonly set: ReadonlyMap<string, Value>
  /** Entries that are wanted no more, with the value that they have. */
  readonly deleted: ReadonlyMap<string, Value>
}

/**
 * Remembers what a sink has programmed, and tells what is different from what it is to program: full state in, increments out.
 * Values are plain data; two are the same when everything in them is.
 */
export class DiffStore<Value> {
  readonly #entries = new Map<string, Value>()

  /** What to do so that just these entries are there. Of two with one key the later one counts. Changes nothing here. */
  difference(wanted: Iterable<readonly [key: string, value: Value]>): Difference<Value> {
    const all = new Map(wanted)
    const set = new Map<string, Value>()
    const deleted = new Map<string, Value>()
    for (const [key, value] of all) {
      if (!this.#entries.has(key) || !isDeepStrictEqual(this.#entries.get(key), value)) set.set(key, value)
    }
    for (const [key, value] of this.#entries) if (!all.has(key)) deleted.set(key, value)
    return { set, deleted }
  }

  /** That was done. Whatever was not is left out, and is in the next difference again. */
  commit({ set, deleted }: Difference<Value>): void {
    for (const key of deleted.keys()) this.#entries.delete(key)
    for (const [key, value] of set) this.#entries.set(key, value)
  }

  /** The entries that are there. */
  entries(): IterableIterator<[key: string, value: Value]> {
    return this.#entries.entries()
  }
}
