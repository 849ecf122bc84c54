import { frame } from '../grpc/frame.ts'
import { RESET_OP, SYNC_OP } from '../model/wire/op.ts'
import {
  byPath,
  type PathFrame,
  type RenderedValue,
  type Rendering,
  serviceDifference,
  type ValueDifference,
  valueDifference,
} from './rendering.ts'

const RESET_FRAME = frame(RESET_OP)
const SYNC_FRAME = frame(SYNC_OP)

/** What a stream that was told nothing yet is told: everything, with Reset in front. */
export function* wholeState(parts: WholeState): Generator<Uint8Array> {
  const { before, renderings } = parts
  yield RESET_FRAME
  for (const value of before) yield value.frame
  for (const { service } of [...renderings].sort((a, b) => byPath(a.service, b.service))) yield service.frame
  for (const phase of ['named', 'anonymous'] as const) {
    // Not in the order of the Services: `a/b-c/x` comes before `a/b/x`, and `a/b` before `a/b-c`.
    const ordered = renderings.filter((rendering) => rendering[phase].length > 0)
    ordered.sort((a, b) => byPath(a[phase][0] ?? a.service, b[phase][0] ?? b.service))
    for (const rendering of ordered) for (const value of rendering[phase]) yield value.frame
  }
  yield SYNC_FRAME
}

export interface WholeState {
  /** Nodes and ranges, in order. */
  readonly before: readonly RenderedValue[]
  readonly renderings: Rendering[]
}

/** What leads a stream from what it was told to the present state. */
export class Round {
  readonly #others: Phases = { sets: [], deletes: [] }
  readonly #services: Phases = { sets: [], deletes: [] }
  readonly #named: Phases = { sets: [], deletes: [] }
  readonly #anonymous: Phases = { sets: [], deletes: [] }

  /** Takes in what became of a Service. */
  addService(before: Rendering | undefined, now: Rendering | undefined): void {
    if (before === now) return
    const { service, named, anonymous } = serviceDifference(before, now)
    add(this.#services, service)
    add(this.#named, named)
    add(this.#anonymous, anonymous)
  }

  /** Takes in what became of another value: a node, or ranges. */
  addOther(before: RenderedValue | undefined, now: RenderedValue | undefined): void {
    if (before !== now) add(this.#others, valueDifference(before, now))
  }

  get isEmpty(): boolean {
    const phases = [this.#others, this.#services, this.#named, this.#anonymous]
    return phases.every(({ sets, deletes }) => sets.length + deletes.length === 0)
  }

  /**
   * The operations in KPNG's order: no endpoint without its Service, and a Service goes last. Sets by path, ascending; deletes
   * descending.
   */
  *frames(): Generator<Uint8Array> {
    yield* inOrder(this.#others.sets)
    yield* inOrder(this.#services.sets)
    yield* inReverse(this.#anonymous.deletes)
    yield* inOrder(this.#named.sets)
    yield* inReverse(this.#named.deletes)
    yield* inOrder(this.#anonymous.sets)
    yield* inReverse(this.#services.deletes)
    yield* inReverse(this.#others.deletes)
    yield SYNC_FRAME
  }
}

interface Phases {
  readonly sets: PathFrame[]
  readonly deletes: PathFrame[]
}

function add(phases: Phases, { sets, deletes }: ValueDifference): void {
  for (const value of sets) phases.sets.push(value)
  for (const value of deletes) phases.deletes.push(value)
}

function* inOrder(values: PathFrame[]): Generator<Uint8Array> {
  for (const { frame: framed } of values.sort(byPath)) yield framed
}

function* inReverse(values: PathFrame[]): Generator<Uint8Array> {
  for (const { frame: framed } of values.sort(byPath).reverse()) yield framed
}
