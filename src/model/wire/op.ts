import { decode } from './decode.ts'
import { encode } from './encode.ts'
import { WireError } from './error.ts'
import { OP_ITEM } from './messages.ts'
import type { SetNumber } from './sets.ts'

/** One operation of a change set. */
export type Op =
  | { readonly kind: 'sync' }
  | { readonly kind: 'reset' }
  /** `set` may be a number that is not known here. */
  | { readonly kind: 'set'; readonly set: number; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: 'delete'; readonly set: number; readonly path: string }

/** localv1.OpItem that ends a change set. */
export const SYNC_OP: Uint8Array = encode(OP_ITEM, { sync: {} })
/** localv1.OpItem that begins a stream. */
export const RESET_OP: Uint8Array = encode(OP_ITEM, { reset: {} })

/** localv1.OpItem that says what a value is now. */
export function setOp(set: SetNumber, path: string, bytes: Uint8Array): Uint8Array {
  return encode(OP_ITEM, { set: { ref: { set, path }, bytes } })
}

/** localv1.OpItem that says that a value is gone. */
export function deleteOp(set: SetNumber, path: string): Uint8Array {
  return encode(OP_ITEM, { delete: { set, path } })
}

const EMPTY = new Uint8Array()

/** @throws WireError when the bytes are no localv1.OpItem with one operation */
export function readOp(bytes: Uint8Array): Op {
  const { sync, reset, set, delete: gone } = decode(OP_ITEM, bytes) as Operations
  if (set !== undefined) return { kind: 'set', ...refOf(set.ref), bytes: set.bytes ?? EMPTY }
  if (gone !== undefined) return { kind: 'delete', ...refOf(gone) }
  if (sync !== undefined) return { kind: 'sync' }
  if (reset !== undefined) return { kind: 'reset' }
  throw new WireError('WIRE_MALFORMED', 'a message without an operation that is known')
}

interface Ref {
  readonly set?: number
  readonly path?: string
}

interface Operations {
  readonly sync?: object
  readonly reset?: object
  readonly set?: { readonly ref?: Ref; readonly bytes?: Uint8Array }
  readonly delete?: Ref
}

function refOf(ref: Ref | undefined): { set: number; path: string } {
  return { set: ref?.set ?? 0, path: ref?.path ?? '' }
}
