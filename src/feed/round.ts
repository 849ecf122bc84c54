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
  #ordered: readonly (readonly Owned[])[] | undefined

  /** Takes in what became of a Service; `owner` is its key. */
  addService(owner: string, before: Rendering | undefined, now: Rendering | undefined): void {
    if (before === now) return
    const { service, named, anonymous } = serviceDifference(before, now)
    add(owner, this.#services, service)
    add(owner, this.#named, named)
    add(owner, this.#anonymous, anonymous)
  }

  /** Takes in what became of another value: a node, or ranges. */
  addOther(before: RenderedValue | undefined, now: RenderedValue | undefined): void {
    if (before !== now) add('', this.#others, valueDifference(before, now))
  }

  get isEmpty(): boolean {
    const phases = [this.#others, this.#services, this.#named, this.#anonymous]
    return phases.every(({ sets, deletes }) => sets.length + deletes.length === 0)
  }

  /**
   * The operations in KPNG's order: no endpoint without its Service, and a Service goes last. Sets by path, ascending; deletes
   * descending. Nothing when there is none.
   */
  *frames(): Generator<Uint8Array> {
    if (this.isEmpty) return
    for (const phase of this.#phases()) for (const { frame: framed } of phase) yield framed
    yield SYNC_FRAME
  }

  /** The same, but for some Services, of which another round has the operations. */
  *framesBut(owners: ReadonlySet<string>, other: Round): Generator<Uint8Array> {
    const others = other.#phases()
    let isEmpty = true
    for (const [i, phase] of this.#phases().entries()) {
      const isDescending = i === 2 || i === 4 || i >= 6
      for (const { frame: framed } of merged(phase, owners, others[i] ?? [], isDescending)) {
        isEmpty = false
        yield framed
      }
    }
    if (!isEmpty) yield SYNC_FRAME
  }

  /** Ordered once: a round that streams share is not added to any more. */
  #phases(): readonly (readonly Owned[])[] {
    this.#ordered ??= [
      this.#others.sets.sort(byPath),
      this.#services.sets.sort(byPath),
      this.#anonymous.deletes.sort(byPath).reverse(),
      this.#named.sets.sort(byPath),
      this.#named.deletes.sort(byPath).reverse(),
      this.#anonymous.sets.sort(byPath),
      this.#services.deletes.sort(byPath).reverse(),
      this.#others.deletes.sort(byPath).reverse(),
    ]
    return this.#ordered
  }
}

interface Owned extends PathFrame {
  /** Key of the Service; empty for other values. */
  readonly owner: string
}

interface Phases {
  readonly sets: Owned[]
  readonly deletes: Owned[]
}

function add(owner: string, phases: Phases, { sets, deletes }: ValueDifference): void {
  for (const { path, frame: framed } of sets) phases.sets.push({ owner, path, frame: framed })
  for (const { path, frame: framed } of deletes) phases.deletes.push({ owner, path, frame: framed })
}

/** Two phases in one, without what some owners have in the first. */
function* merged(
  first: readonly Owned[],
  without: ReadonlySet<string>,
  second: readonly Owned[],
  isDescending: boolean,
): Generator<Owned> {
  let i = 0
  for (const entry of first) {
    if (without.has(entry.owner)) continue
    for (let next = second[i]; next !== undefined; next = second[i]) {
      if (isDescending ? next.path < entry.path : next.path > entry.path) break
      yield next
      i++
    }
    yield entry
  }
  yield* second.slice(i)
}
