import type { Verdict } from '../../kernel/nftables/verdict.ts'
import { formatVerdict } from '../../kernel/nftables/verdict.ts'
import type { MasqueradeClass } from '../../virtual-server/virtual-server.ts'
import {
  affinityChainName,
  learnChainName,
  MASQUERADE_CHAIN,
  MAX_CLASS,
  needsOwnPick,
  pickChainName,
} from './layout.ts'
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
  /** 0 when clients do not keep their endpoint. */
  readonly affinitySeconds: number
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
  /** In `input-classes`: whether an endpoint on the host network is remembered; undefined when it is not. */
  readonly input: Verdict | undefined
}

export function verdictsOf(treatment: Treatment): ClassVerdicts {
  const { slots, whenEmpty, isShortCircuited, isRestricted, affinitySeconds } = treatment
  const emptyChain = whenEmpty === 'reject' ? 'no-endpoints' : 'drop-connection'
  const drawChain = affinitySeconds > 0 ? affinityChainName(slots) : pickChainName(slots)
  const pick: Verdict = { kind: 'goto', chain: slots > 0 ? drawChain : emptyChain }
  const choose: Verdict = isShortCircuited ? { kind: 'goto', chain: 'short-circuit' } : pick
  const isServed = slots > 0 || isShortCircuited
  return {
    dispatch: isRestricted ? { kind: 'goto', chain: 'source-ranges' } : choose,
    allowed: isRestricted ? choose : undefined,
    pick,
    post: isServed ? { kind: 'jump', chain: postChain(treatment) } : undefined,
    input: isServed && affinitySeconds > 0 ? { kind: 'jump', chain: inputChain(treatment) } : undefined,
  }
}

function postChain({ masquerade, affinitySeconds }: Treatment): string {
  return affinitySeconds > 0 ? learnChainName(affinitySeconds, masquerade) : MASQUERADE_CHAIN[masquerade]
}

function inputChain({ masquerade, affinitySeconds }: Treatment): string {
  return learnChainName(affinitySeconds, masquerade === 'from-node' ? 'local' : undefined)
}

/** The chains that verdicts need and the layout does not have by itself; those that are led to come first. */
export function ownChains({ pick, post }: ClassVerdicts): string[] {
  const slots = pickedSlots(pick)
  const chains = slots !== undefined && needsOwnPick(slots) ? [pickChainName(slots)] : []
  if ('chain' in pick && pick.chain.startsWith('affinity-')) chains.push(pick.chain)
  const seconds = learnedSeconds(post)
  if (seconds === undefined || post === undefined || !('chain' in post)) return chains
  chains.push(learnChainName(seconds))
  if (post.chain === learnChainName(seconds, 'from-node')) {
    chains.push(learnChainName(seconds, 'all-endpoints'), learnChainName(seconds, 'local'))
  }
  return [...chains, post.chain]
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

  /** The chains that the classes need and the layout does not have by itself, in the order in which they can be made. */
  chains(): Set<string> {
    const chains = new Set<string>()
    for (const verdicts of this.#taken.values()) for (const chain of ownChains(verdicts)) chains.add(chain)
    return chains
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

/** Slots of the pools whose endpoints a verdict picks; undefined when it leads elsewhere. */
function pickedSlots(verdict: Verdict): number | undefined {
  const [, text] = ('chain' in verdict && /^(?:pick|affinity)-([1-9]\d*)$/.exec(verdict.chain)) || []
  const slots = Number(text)
  return slots > 0 && slotCount(slots) === slots ? slots : undefined
}

/** For how long a verdict's chain remembers clients; undefined when it does not. */
function learnedSeconds(verdict: Verdict | undefined): number | undefined {
  const [, text] = (verdict && 'chain' in verdict && /^learn-([1-9]\d{0,4})(?:-|$)/.exec(verdict.chain)) || []
  return text === undefined ? undefined : Number(text)
}

/** True for verdicts that {@link verdictsOf} could have given. */
function areOurs({ dispatch, allowed, pick, post, input }: ClassVerdicts): boolean {
  const picks = pickedSlots(pick) !== undefined || leadsTo(pick, 'goto', ['no-endpoints', 'drop-connection'])
  const isChoice = (verdict: Verdict) =>
    formatVerdict(verdict) === formatVerdict(pick) || leadsTo(verdict, 'goto', ['short-circuit'])
  const dispatches =
    allowed === undefined ? isChoice(dispatch) : isChoice(allowed) && leadsTo(dispatch, 'goto', ['source-ranges'])
  return picks && dispatches && isPost(post) && isInput(input, post)
}

function isPost(post: Verdict | undefined): boolean {
  if (post === undefined) return true
  const seconds = learnedSeconds(post)
  const kinds = ['always', 'off-cluster', 'from-node'] as const
  const chains = kinds.map((kind) => (seconds === undefined ? MASQUERADE_CHAIN[kind] : learnChainName(seconds, kind)))
  return leadsTo(post, 'jump', chains)
}

function isInput(input: Verdict | undefined, post: Verdict | undefined): boolean {
  const seconds = learnedSeconds(post)
  if (seconds === undefined || post === undefined) return input === undefined
  const isLocal = leadsTo(post, 'jump', [learnChainName(seconds, 'from-node')])
  return input !== undefined && leadsTo(input, 'jump', [learnChainName(seconds, isLocal ? 'local' : undefined)])
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
function treatmentNumber(treatment: Treatment): number {
  const { slots, whenEmpty, masquerade, isShortCircuited, isRestricted, affinitySeconds } = treatment
  const flags = (whenEmpty === 'drop' ? 1 : 0) + (isShortCircuited ? 2 : 0) + (isRestricted ? 4 : 0)
  // Slots stay far below 2^20, and seconds below 2^17.
  return ((affinitySeconds * 2 ** 20 + slots) * 8 + flags) * 4 + MASQUERADE_NUMBER[masquerade]
}

function classKey({ dispatch, allowed, pick, post, input }: ClassVerdicts): string {
  return [dispatch, allowed, pick, post, input]
    .map((verdict) => (verdict === undefined ? 'none' : formatVerdict(verdict)))
    .join(' | ')
}
