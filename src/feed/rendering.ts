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
export function deletion({ set, path }: RenderedValue): Uint8Array {
  return frame(deleteOp(set, path))
}

export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0
}

/** What leads from one list of values to another; both are in the order of their paths. */
export interface ValueDifference {
  readonly sets: readonly RenderedValue[]
  readonly deletes: readonly RenderedValue[]
}

export function difference(before: readonly RenderedValue[], now: readonly RenderedValue[]): ValueDifference {
  const sets: RenderedValue[] = []
  const deletes: RenderedValue[] = []
  let i = 0
  let j = 0
  for (;;) {
    const old = before[i]
    const value = now[j]
    if (old === undefined && value === undefined) return { sets, deletes }
    const order = old === undefined ? 1 : value === undefined ? -1 : byPath(old, value)
    if (order < 0 && old !== undefined) deletes.push(old)
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
