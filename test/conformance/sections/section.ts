/** A row of a section, with what it expects. */
export interface Row<T> {
  readonly id: string
  readonly name: string
  readonly data: T
}

/** What a row expects and what was seen; equal texts pass. */
export interface Comparison {
  readonly expected: string
  readonly seen: string
}

/** A part of a case file that is about a decision, and not about packets. */
export interface Section<T> {
  /** Promises that the section shows. */
  readonly promises: readonly number[]
  /** The rows of the section as the file has it. */
  rows(data: unknown): Row<T>[]
  /**
   * Asks Sluice. It gets all rows at once, because those of some sections are steps of one story; it gives one comparison for
   * each, in their order. Without an adapter all rows fail, so that the section is not forgotten.
   */
  adapter?(rows: readonly Row<T>[]): Promise<Comparison[]>
}

/** Facts that bind nobody but kube-proxy. */
export interface LeftOutSection {
  readonly leftOut: string
}

/** Text of a value in which the order of keys does not count; a key that is undefined is not there. */
export function stable(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
