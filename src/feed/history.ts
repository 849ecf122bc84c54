/** A value as it was from one revision on; undefined while there was none. */
interface Version<Value> {
  readonly since: number
  readonly value: Value | undefined
}

/** One key over time. Those that changed since some reader looked are in a list, the latest last. */
class Entry<Value> {
  readonly key: string
  /** Ascending; the last is the present one. */
  versions: Version<Value>[] = []
  /** What the value was before this revision is forgotten. */
  forgottenBefore = 0
  before: Entry<Value> | undefined
  after: Entry<Value> | undefined

  constructor(key: string) {
    this.key = key
  }

  get changedAt(): number {
    return this.versions.at(-1)?.since ?? 0
  }

  get present(): Value | undefined {
    return this.versions.at(-1)?.value
  }

  at(revision: number): Value | undefined {
    return this.versions.findLast(({ since }) => since <= revision)?.value
  }
}

/** What became of a key between two looks of a reader. */
export interface Change<Value> {
  readonly key: string
  /** What the reader knows; undefined when there was nothing. */
  readonly before: Value | undefined
  /** undefined when it is gone. */
  readonly now: Value | undefined
}

/** How far one reader is. All that is remembered of it: what it was told is told by the values' own past. */
export class HistoryReader {
  /** The revision that it knows; 0 when it knows nothing yet. */
  revision = 0
  /** In the list of readers, the one that is furthest behind first. */
  before: HistoryReader | undefined
  after: HistoryReader | undefined
}

/** Versions of one key that are looked through for some that nobody needs any more. */
const MANY_VERSIONS = 8
/** Versions of one key that are kept at most, whoever might still ask. */
const MAX_VERSIONS = 32

/**
 * Values by key, with as much of their past as the readers need to be told the difference to what they know: for each key at
 * most one version a reader, and mostly one for all. What a reader costs does not depend on how much it was told.
 */
export class History<Value> {
  readonly #entries = new Map<string, Entry<Value>>()
  #revision = 1
  #sortedKeys: readonly string[] | undefined
  #firstChanged: Entry<Value> | undefined
  #lastChanged: Entry<Value> | undefined
  #firstReader: HistoryReader | undefined
  #lastReader: HistoryReader | undefined

  /** 1 or more; grows with each record. */
  get revision(): number {
    return this.#revision
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key)?.present
  }

  /** What the value was when the reader looked last. */
  known(key: string, reader: HistoryReader): Value | undefined {
    return this.#entries.get(key)?.at(reader.revision)
  }

  /** Every key that has a value, ascending. */
  *keys(): Generator<string> {
    this.#sortedKeys ??= [...this.#entries.keys()].sort()
    for (const key of this.#sortedKeys) if (this.get(key) !== undefined) yield key
  }

  /** All of this happens in one revision; undefined means gone. */
  record(values: Iterable<readonly [key: string, value: Value | undefined]>): void {
    this.#revision++
    for (const [key, value] of values) this.#set(key, value)
    this.#trim()
  }

  /** What changed since the reader looked; undefined when too much did, and it must be told everything anew. */
  changes(reader: HistoryReader): Change<Value>[] | undefined {
    const changes: Change<Value>[] = []
    for (let entry = this.#lastChanged; entry !== undefined; entry = entry.before) {
      if (entry.changedAt <= reader.revision) break
      if (entry.forgottenBefore > reader.revision) return undefined
      changes.push({ key: entry.key, before: entry.at(reader.revision), now: entry.present })
    }
    return changes
  }

  /** From now on the reader knows the present revision. */
  advance(reader: HistoryReader): void {
    this.#unlinkReader(reader)
    reader.revision = this.#revision
    reader.before = this.#lastReader
    if (this.#lastReader === undefined) this.#firstReader = reader
    else this.#lastReader.after = reader
    this.#lastReader = reader
    this.#trim()
  }

  /** Nothing is kept for this reader any more. */
  close(reader: HistoryReader): void {
    this.#unlinkReader(reader)
    reader.revision = 0
    this.#trim()
  }

  /** Versions that are held, present ones and past ones. */
  get versionCount(): number {
    let count = 0
    for (const { versions } of this.#entries.values()) count += versions.length
    return count
  }

  #set(key: string, value: Value | undefined): void {
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      if (value === undefined) return
      entry = new Entry<Value>(key)
      this.#entries.set(key, entry)
      this.#sortedKeys = undefined
    }
    this.#unlink(entry)
    // No reader is further than the last one: when that is older than a version, nobody saw it.
    const lastSeen = this.#lastReader?.revision ?? 0
    if (entry.changedAt > lastSeen) entry.versions.pop()
    entry.versions.push({ since: this.#revision, value })
    if (entry.versions.length >= MANY_VERSIONS) this.#thin(entry)
    this.#link(entry)
  }

  /** Forgets the versions that no reader knows; and the oldest, when too many are left. */
  #thin(entry: Entry<Value>): void {
    const kept: Version<Value>[] = []
    let reader = this.#firstReader
    entry.versions.forEach((version, i) => {
      const until = entry.versions[i + 1]?.since ?? Number.POSITIVE_INFINITY
      while (reader !== undefined && reader.revision < version.since) reader = reader.after
      if (until === Number.POSITIVE_INFINITY || (reader !== undefined && reader.revision < until)) kept.push(version)
    })
    entry.versions = kept.slice(-MAX_VERSIONS)
    if (kept.length > MAX_VERSIONS) entry.forgottenBefore = entry.versions[0]?.since ?? 0
  }

  /** Forgets the past of what did not change since the reader that is furthest behind looked. */
  #trim(): void {
    const oldest = this.#firstReader?.revision ?? this.#revision
    for (let entry = this.#firstChanged; entry !== undefined && entry.changedAt <= oldest; entry = this.#firstChanged) {
      this.#unlink(entry)
      entry.versions = entry.versions.slice(-1)
      entry.forgottenBefore = 0
      if (entry.present === undefined) {
        this.#entries.delete(entry.key)
        this.#sortedKeys = undefined
      }
    }
  }

  #link(entry: Entry<Value>): void {
    entry.before = this.#lastChanged
    if (this.#lastChanged === undefined) this.#firstChanged = entry
    else this.#lastChanged.after = entry
    this.#lastChanged = entry
  }

  #unlink(entry: Entry<Value>): void {
    const { before, after } = entry
    if (before !== undefined) before.after = after
    else if (this.#firstChanged === entry) this.#firstChanged = after
    if (after !== undefined) after.before = before
    else if (this.#lastChanged === entry) this.#lastChanged = before
    entry.before = undefined
    entry.after = undefined
  }

  #unlinkReader(reader: HistoryReader): void {
    const { before, after } = reader
    if (before !== undefined) before.after = after
    else if (this.#firstReader === reader) this.#firstReader = after
    if (after !== undefined) after.before = before
    else if (this.#lastReader === reader) this.#lastReader = before
    reader.before = undefined
    reader.after = undefined
  }
}
