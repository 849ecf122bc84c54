import type { Verdict } from '../../kernel/nftables/verdict.ts'
import { formatVerdict } from '../../kernel/nftables/verdict.ts'
import type { MasqueradeClass } from '../../virtual-server/virtual-server.ts'
import { MAX_CLASS, pickChainName } from './layout.ts'
import { slotCount } from './slots.ts'

/** How all virtual servers of one class are treated. */
export interface Treatment {
  /** Slots of the pool; 0 when it is empty. */
  readonly slots: number
  /** Matters only while the pool is empty. */
  readonly whenEmpty: 'reject' | 'drop'
  readonly masquerade: MasqueradeClass
}

/** What becomes of a new connection of this class. */
export function dispatchVerdict(treatment: Treatment): Verdict {
  if (treatment.slots > 0) return { kind: 'goto', chain: pickChainName(treatment.slots) }
  return { kind: 'goto', chain: treatment.whenEmpty === 'reject' ? 'no-endpoints' : 'no-local-endpoints' }
}

/** Whether a connection of this class is masqueraded; undefined when it never reaches postrouting. */
export function postVerdict(treatment: Treatment): Verdict | undefined {
  if (treatment.slots === 0) return undefined
  const chain = treatment.masquerade === 'always' ? 'masquerade-all' : 'masquerade-off-cluster'
  return { kind: 'jump', chain }
}

/** A class's verdicts, as they stand in the kernel. */
export interface ClassVerdicts {
  readonly dispatch: Verdict
  readonly post: Verdict | undefined
}

/**
 * Numbers the treatments in use, 1 to {@link MAX_CLASS}. A number keeps its meaning for as long as the table lives, also
 * across restarts: what the kernel has is taken over.
 */
export class ClassTable {
  readonly #indexes = new Map<string, number>()
  readonly #taken = new Map<number, ClassVerdicts>()
  /** The same as `#indexes` without making text: this is asked for every destination. */
  readonly #byTreatment = new Map<number, number>()
  #next = 1

  /** Takes over a class that is in the kernel, if it is one that this version could have made. */
  adopt(index: number, verdicts: ClassVerdicts): void {
    const key = classKey(verdicts)
    const isKnown = index > 0 && index <= MAX_CLASS && isDispatch(verdicts.dispatch) && isPost(verdicts.post)
    if (!isKnown || this.#indexes.has(key) || this.#taken.has(index)) return
    this.#indexes.set(key, index)
    this.#taken.set(index, verdicts)
  }

  /** @returns the class of a treatment, and whether it is new; undefined when all numbers are in use. */
  indexOf(treatment: Treatment): { index: number; isNew: boolean } | undefined {
    const cached = this.#byTreatment.get(treatmentNumber(treatment))
    if (cached !== undefined) return { index: cached, isNew: false }
    const found = this.#find(treatment)
    if (found !== undefined) this.#byTreatment.set(treatmentNumber(treatment), found.index)
    return found
  }

  #find(treatment: Treatment): { index: number; isNew: boolean } | undefined {
    const verdicts = { dispatch: dispatchVerdict(treatment), post: postVerdict(treatment) }
    const key = classKey(verdicts)
    const known = this.#indexes.get(key)
    if (known !== undefined) return { index: known, isNew: false }
    while (this.#taken.has(this.#next)) this.#next++
    if (this.#next > MAX_CLASS) return undefined
    this.#indexes.set(key, this.#next)
    this.#taken.set(this.#next, verdicts)
    return { index: this.#next, isNew: true }
  }

  /** Slot counts of the pick chains that the classes lead to. */
  *picks(): Generator<number> {
    for (const { dispatch } of this.#taken.values()) {
      const slots = pickedSlots(dispatch)
      if (slots !== undefined) yield slots
    }
  }

  /** True when it is time to forget classes that nobody uses; until then they may come into use again. */
  get isCrowded(): boolean {
    return this.#taken.size > MAX_CLASS / 2
  }

  /** Forgets the classes that nobody uses. */
  keepOnly(used: ReadonlySet<number>): void {
    for (const [key, index] of this.#indexes) {
      if (used.has(index)) continue
      this.#indexes.delete(key)
      this.#taken.delete(index)
    }
    this.#byTreatment.clear()
    this.#next = 1
  }

  entries(): Iterable<[number, ClassVerdicts]> {
    return this.#taken
  }
}

/** Slots of the pick chain that a verdict leads to; undefined when it leads elsewhere. */
function pickedSlots(verdict: Verdict): number | undefined {
  const slots = 'chain' in verdict ? Number(/^pick-(\d+)$/.exec(verdict.chain)?.[1]) : Number.NaN
  if (!(slots > 0) || slotCount(slots) !== slots) return undefined
  // `pick-042` is no name that we give.
  return 'chain' in verdict && verdict.chain === pickChainName(slots) ? slots : undefined
}

function isDispatch(verdict: Verdict): boolean {
  if (verdict.kind !== 'goto') return false
  return pickedSlots(verdict) !== undefined || /^no-(local-)?endpoints$/.test(verdict.chain)
}

function isPost(verdict: Verdict | undefined): boolean {
  return verdict === undefined || (verdict.kind === 'jump' && /^masquerade-(all|off-cluster)$/.test(verdict.chain))
}

/** Another number for each treatment. */
function treatmentNumber({ slots, whenEmpty, masquerade }: Treatment): number {
  return slots * 4 + (whenEmpty === 'drop' ? 2 : 0) + (masquerade === 'always' ? 1 : 0)
}

function classKey({ dispatch, post }: ClassVerdicts): string {
  return `${formatVerdict(dispatch)} | ${post === undefined ? 'none' : formatVerdict(post)}`
}
