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
  /** Clients on this node use another pool. */
  readonly isShortCircuited: boolean
  /** Only some sources may use it. */
  readonly isRestricted: boolean
}

/** A class's verdicts, as they stand in the kernel. */
export interface ClassVerdicts {
  /** In `classes`: what becomes of a new connection. */
  readonly dispatch: Verdict
  /** In `allowed`: what becomes of it once its source was checked; undefined when none is checked. */
  readonly allowed: Verdict | undefined
  /** In `picks`: which endpoint it gets, once it is known which pool it uses. */
  readonly pick: Verdict
  /** In `post-classes`: whether it is masqueraded; undefined when it never gets there. */
  readonly post: Verdict | undefined
}

const MASQUERADE_CHAIN: { readonly [kind in MasqueradeClass]: string } = {
  always: 'masquerade-all',
  'off-cluster': 'masquerade-off-cluster',
  'from-node': 'masquerade-from-node',
}

export function verdictsOf(treatment: Treatment): ClassVerdicts {
  const { slots, whenEmpty, masquerade, isShortCircuited, isRestricted } = treatment
  const emptyChain = whenEmpty === 'reject' ? 'no-endpoints' : 'drop-connection'
  const pick: Verdict = { kind: 'goto', chain: slots > 0 ? pickChainName(slots) : emptyChain }
  const choose: Verdict = isShortCircuited ? { kind: 'goto', chain: 'short-circuit' } : pick
  return {
    dispatch: isRestricted ? { kind: 'goto', chain: 'source-ranges' } : choose,
    allowed: isRestricted ? choose : undefined,
    pick,
    post: slots > 0 || isShortCircuited ? { kind: 'jump', chain: MASQUERADE_CHAIN[masquerade] } : undefined,
  }
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
    const isKnown = index > 0 && index <= MAX_CLASS && areOurs(verdicts)
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
    const verdicts = verdictsOf(treatment)
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
    for (const { pick } of this.#taken.values()) {
      const slots = pickedSlots(pick)
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

/** True for verdicts that {@link verdictsOf} could have given. */
function areOurs({ dispatch, allowed, pick, post }: ClassVerdicts): boolean {
  const picks = pickedSlots(pick) !== undefined || leadsTo(pick, 'goto', ['no-endpoints', 'drop-connection'])
  const isChoice = (verdict: Verdict) =>
    formatVerdict(verdict) === formatVerdict(pick) || leadsTo(verdict, 'goto', ['short-circuit'])
  const dispatches =
    allowed === undefined ? isChoice(dispatch) : isChoice(allowed) && leadsTo(dispatch, 'goto', ['source-ranges'])
  return picks && dispatches && (post === undefined || leadsTo(post, 'jump', Object.values(MASQUERADE_CHAIN)))
}

function leadsTo(verdict: Verdict, kind: Verdict['kind'], chains: readonly string[]): boolean {
  return verdict.kind === kind && 'chain' in verdict && chains.includes(verdict.chain)
}

const MASQUERADE_NUMBER: { readonly [kind in MasqueradeClass]: number } = {
  always: 0,
  'off-cluster': 1,
  'from-node': 2,
}

/** Another number for each treatment. */
function treatmentNumber({ slots, whenEmpty, masquerade, isShortCircuited, isRestricted }: Treatment): number {
  const flags = (whenEmpty === 'drop' ? 1 : 0) + (isShortCircuited ? 2 : 0) + (isRestricted ? 4 : 0)
  return (slots * 8 + flags) * 4 + MASQUERADE_NUMBER[masquerade]
}

function classKey({ dispatch, allowed, pick, post }: ClassVerdicts): string {
  return [dispatch, allowed, pick, post]
    .map((verdict) => (verdict === undefined ? 'none' : formatVerdict(verdict)))
    .join(' | ')
}
