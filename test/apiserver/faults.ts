import type { Collection } from './collections.ts'
import type { Verb } from './requests.ts'

/** What can go wrong with an answer. */
export type Fault =
  /** A Status in its place. */
  | { readonly kind: 'refuse'; readonly status: number; readonly retryAfterSeconds?: number; readonly message?: string }
  /** Something in its place that is no Status, as a gateway in front of the API server answers. */
  | { readonly kind: 'answer'; readonly status: number; readonly body: string; readonly contentType?: string }
  /** The request is taken, and never answered. */
  | { readonly kind: 'pause' }
  /** The answer begins, and then nothing more comes nor is read: a connection that is half open. */
  | { readonly kind: 'silence' }
  /** The next text is sent by half; then the connection ends: properly as HTTP knows it, by FIN, or by RST. */
  | { readonly kind: 'cut'; readonly by: 'end' | 'fin' | 'rst' }
  /** Bytes come one by one. */
  | { readonly kind: 'trickle'; readonly bytesPerSecond: number }
  /** The connection is closed in place of an answer, by FIN or by RST. */
  | { readonly kind: 'drop'; readonly by: 'fin' | 'rst' }

/** Which answers a fault befalls: all, unless told. */
export interface Where {
  readonly collection?: Collection
  readonly verb?: Verb
  /** How many answers; all until it is lifted, unless told. */
  readonly times?: number
}

interface Rule {
  readonly fault: Fault
  readonly where: Where
  left: number
}

type Kind = Fault['kind']

const INSTEAD: readonly Kind[] = ['refuse', 'answer', 'pause', 'drop']
const ON_HEADER: readonly Kind[] = ['silence', 'trickle']
const ON_TEXT: readonly Kind[] = [...ON_HEADER, 'cut']

/** The faults that are switched on. The first that fits counts; those of a stream befall open watches, too. */
export class Faults {
  readonly #rules = new Set<Rule>()

  /** @returns lifts it. Connections that it befell stay as they are. */
  add(fault: Fault, where: Where = {}): () => void {
    const rule = { fault, where, left: where.times ?? Number.POSITIVE_INFINITY }
    this.#rules.add(rule)
    return () => this.#rules.delete(rule)
  }

  clear(): void {
    this.#rules.clear()
  }

  /** What comes in place of an answer. */
  onRequest(collection: Collection | undefined, verb: Verb): Fault | undefined {
    return this.#take(collection, verb, INSTEAD)
  }

  /** What becomes of an answer whose header is sent. */
  onHeader(collection: Collection, verb: Verb): Fault | undefined {
    return this.#take(collection, verb, ON_HEADER)
  }

  /** What becomes of the next text of an answer. */
  onText(collection: Collection, verb: Verb): Fault | undefined {
    return this.#take(collection, verb, ON_TEXT)
  }

  #take(collection: Collection | undefined, verb: Verb, kinds: readonly Kind[]): Fault | undefined {
    for (const rule of this.#rules) {
      const { fault, where } = rule
      if (!kinds.includes(fault.kind)) continue
      if (where.collection !== undefined && where.collection !== collection) continue
      if (where.verb !== undefined && where.verb !== verb) continue
      if (--rule.left <= 0) this.#rules.delete(rule)
      return fault
    }
    return undefined
  }
}
