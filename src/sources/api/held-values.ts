import { WireError } from '../../model/wire/error.ts'

/** Bytes as text, a character each: half the memory of small Buffers, and they compare like any text. */
export type Packed = string & { readonly __brand: 'Packed' }

export function unpack(packed: Packed): Buffer {
  return Buffer.from(packed, 'latin1')
}

/** The values of one group by `SET PATH`, in ascending order. */
export type Group = ReadonlyMap<string, Packed>

/**
 * What a value belongs to, such as the Service of an endpoint; undefined for values that are of no use here.
 *
 * @throws WireError when it is no path of this set
 */
export type GroupOf = (set: number, path: string) => string | undefined

/** More than any cluster has: a peer that tells more is not to be believed. Bytes. */
const MAX_BYTES = 1 << 30

/**
 * What a stream told: values by set and path, in groups. Becomes what the stream tells with each sync; after a reset only what is
 * different counts as changed. What a stream told without a sync is forgotten.
 */
export class HeldValues {
  readonly #groupOf: GroupOf
  readonly #groups = new Map<string, Group>()
  #pending = new Map<string, Map<string, Packed | undefined>>()
  #pendingBytes = 0
  #isReset = false

  constructor(groupOf: GroupOf) {
    this.#groupOf = groupOf
  }

  /** A stream begins: it tells everything, whatever was told before. */
  begin(): void {
    this.#pending = new Map()
    this.#pendingBytes = 0
    this.#isReset = true
  }

  /** @throws WireError */
  set(set: number, path: string, bytes: Uint8Array): void {
    const group = this.#groupOf(set, path)
    if (group === undefined) return
    this.#pendingBytes += bytes.length + path.length
    if (this.#pendingBytes > MAX_BYTES) throw new WireError('WIRE_OUT_OF_ORDER', 'a change set without an end')
    this.#change(
      group,
      set,
      path,
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1') as Packed,
    )
  }

  /** @throws WireError when there is no such value */
  delete(set: number, path: string): void {
    const group = this.#groupOf(set, path)
    if (group === undefined) return
    const key = valueKey(set, path)
    const pending = this.#pending.get(group)
    const isHeld = !this.#isReset && this.#groups.get(group)?.has(key) === true
    if (pending?.has(key) === true ? pending.get(key) === undefined : !isHeld) {
      throw new WireError(
        'WIRE_OUT_OF_ORDER',
        `the deletion of ${JSON.stringify(path.slice(0, 100))}, which is not there`,
      )
    }
    this.#change(group, set, path, undefined)
  }

  /** The change set is complete. @returns the groups that are different now; empty ones are gone. */
  sync(): Map<string, Group> {
    const changed = new Map<string, Group>()
    if (this.#isReset) {
      for (const group of this.#groups.keys()) if (!this.#pending.has(group)) this.#pending.set(group, new Map())
    }
    for (const [name, values] of this.#pending) {
      const before = this.#groups.get(name) ?? NOTHING
      const now = ordered(this.#isReset ? values : new Map([...before, ...values]))
      if (isAlike(before, now)) continue
      changed.set(name, now)
      if (now.size === 0) this.#groups.delete(name)
      else this.#groups.set(name, now)
    }
    this.#pending = new Map()
    this.#pendingBytes = 0
    this.#isReset = false
    return changed
  }

  #change(group: string, set: number, path: string, value: Packed | undefined): void {
    const values = this.#pending.get(group)
    const key = valueKey(set, path)
    if (values === undefined) this.#pending.set(group, new Map([[key, value]]))
    else values.set(key, value)
  }
}

const NOTHING: Group = new Map()

/** Where a value is in its group. */
export function valueKey(set: number, path: string): string {
  return `${set} ${path}`
}

function ordered(values: ReadonlyMap<string, Packed | undefined>): Group {
  const kept = [...values].filter((entry): entry is [string, Packed] => entry[1] !== undefined)
  return new Map(kept.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function isAlike(a: Group, b: Group): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of a) if (b.get(key) !== value) return false
  return true
}
