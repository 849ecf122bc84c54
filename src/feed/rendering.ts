import { frame, MAX_MESSAGE_BYTES } from '../grpc/frame.ts'
import { deleteOp, setOp } from '../model/wire/op.ts'
import type { SetNumber } from '../model/wire/sets.ts'

/** A value as a stream is told it. */
export interface RenderedValue {
  readonly set: SetNumber
  readonly path: string
  /** The framed operation that sets it. */
  readonly frame: Uint8Array
}

/** A Service as a stream is told it. */
export interface Rendering {
  readonly service: RenderedValue
  /** By path, ascending. Named ones are those of pods; KPNG tells the others apart, and in another order. */
  readonly named: readonly RenderedValue[]
  readonly anonymous: readonly RenderedValue[]
}

/** @returns undefined when it would be larger than gRPC programs take: it is told to nobody */
export function renderValue(set: SetNumber, path: string, value: Uint8Array): RenderedValue | undefined {
  const op = setOp(set, path, value)
  return op.length > MAX_MESSAGE_BYTES ? undefined : { set, path, frame: frame(op) }
}

/** The framed operation that deletes a value. */
function deletion({ set, path }: RenderedValue): PathFrame {
  return { path, frame: frame(deleteOp(set, path)) }
}

/** A framed operation, and what it is about. */
export type PathFrame = Pick<RenderedValue, 'path' | 'frame'>

export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0
}

/** What leads from one list of values to another; both are in the order of their paths. */
export interface ValueDifference {
  readonly sets: readonly PathFrame[]
  readonly deletes: readonly PathFrame[]
}

function difference(before: readonly RenderedValue[], now: readonly RenderedValue[]): ValueDifference {
  const sets: PathFrame[] = []
  const deletes: PathFrame[] = []
  let i = 0
  let j = 0
  for (;;) {
    const old = before[i]
    const value = now[j]
    if (old === undefined && value === undefined) return { sets, deletes }
    const order = old === undefined ? 1 : value === undefined ? -1 : byPath(old, value)
    if (order < 0 && old !== undefined) deletes.push(deletion(old))
    if (order > 0 && value !== undefined) sets.push(value)
    if (order === 0 && old !== undefined && value !== undefined && !isSameFrame(old.frame, value.frame))
      sets.push(value)
    if (order <= 0) i++
    if (order >= 0) j++
  }
}

function isSameFrame(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || Buffer.compare(a, b) === 0
}

/** What leads from one rendering of a Service to another. */
export interface ServiceDifference {
  readonly service: ValueDifference
  readonly named: ValueDifference
  readonly anonymous: ValueDifference
}

const NO_VALUES: readonly RenderedValue[] = []
const NOTHING = {}
/** The last difference that led to a rendering: mostly many streams need the same. */
const LAST = new WeakMap<Rendering, { readonly before: object; readonly difference: ServiceDifference }>()

/** What leads from one rendering of a Service to another; undefined stands for nothing. */
export function serviceDifference(before: Rendering | undefined, now: Rendering | undefined): ServiceDifference {
  const last = now && LAST.get(now)
  if (last !== undefined && last.before === (before ?? NOTHING)) return last.difference
  const made = {
    service: difference(before ? [before.service] : NO_VALUES, now ? [now.service] : NO_VALUES),
    named: difference(before?.named ?? NO_VALUES, now?.named ?? NO_VALUES),
    anonymous: difference(before?.anonymous ?? NO_VALUES, now?.anonymous ?? NO_VALUES),
  }
  if (now !== undefined) LAST.set(now, { before: before ?? NOTHING, difference: made })
  return made
}

/** What leads from one value to another; undefined stands for none. */
export function valueDifference(before: RenderedValue | undefined, now: RenderedValue | undefined): ValueDifference {
  return difference(before ? [before] : NO_VALUES, now ? [now] : NO_VALUES)
}
