import type { Problem } from '../../model/object.ts'
import type { Store } from '../../store/store.ts'
import { ProblemTeller } from '../problem-teller.ts'
import type { Source } from '../source.ts'
import { ApiClient } from './api-client.ts'
import type { ApiServer } from './api-server.ts'
import type { ApiAnswer } from './connection.ts'
import type { ReflectorCounts } from './counts.ts'
import { HeldObjects } from './held-objects.ts'
import { Outage } from './outage.ts'
import { Reflector } from './reflector.ts'
import { resources } from './resources.ts'
import { DEFAULT_TIMING, type Timing } from './timing.ts'

export interface KubeSourceOptions {
  readonly store: Store
  readonly server: ApiServer
  /** The only Node that is read. */
  readonly nodeName: string
  /** Called once for each problem that is new; of an API server that is away once for each reason. */
  readonly onProblem?: (problem: Problem) => void
  /** Called with what is worth knowing and no problem, for example that the API server answers again. */
  readonly onNotice?: (message: string) => void
  readonly timing?: Timing
  /** Told of each request, to be measured. */
  readonly onAnswer?: (answer: ApiAnswer) => void
  /** Milliseconds from some fixed moment on; `performance.now` unless told. */
  readonly now?: () => number
}

/**
 * Fills the store from the Kubernetes API: Services, EndpointSlices, this Node and ServiceCIDRs. What was read stays while
 * the API server is away, for however long.
 */
export class KubeSource implements Source {
  readonly #client: ApiClient
  readonly #store: Store
  readonly #reflectors: readonly Reflector[]
  readonly #teller: ProblemTeller
  readonly #outage: Outage
  readonly #closing = new AbortController()
  #running: Promise<unknown> | undefined
  #onSynced: (() => void) | undefined

  constructor({ store, server, nodeName, timing = DEFAULT_TIMING, ...options }: KubeSourceOptions) {
    const { onProblem, onNotice, onAnswer, now = () => performance.now() } = options
    const client = new ApiClient(server, onAnswer)
    this.#client = client
    this.#store = store
    this.#teller = new ProblemTeller({ ...(onProblem && { onProblem }) })
    this.#outage = new Outage({ onProblem, onNotice }, now)
    const streamingLists = { isOffered: true }
    this.#reflectors = resources(nodeName).map((resource) => {
      const held = new HeldObjects(resource)
      const onUpdate = store.apply.bind(store)
      const onState = () => this.#onState()
      return new Reflector({ client, resource, held, timing, streamingLists, now, onUpdate, onState })
    })
  }

  /** Waits for the API server as long as it takes, or until {@link close}. */
  async start(): Promise<void> {
    const { signal } = this.#closing
    const synced = new Promise<void>((resolve) => {
      this.#onSynced = resolve
      signal.addEventListener('abort', () => resolve())
    })
    this.#running = Promise.all(this.#reflectors.map(async (reflector) => reflector.run(signal)))
    if (!signal.aborted) await synced
  }

  problems(): readonly Problem[] {
    return [...this.#outage.problems(), ...this.#objectProblems()]
  }

  /** What was done so far, for each kind of object. */
  counts(): readonly ReflectorCounts[] {
    return this.#reflectors.map((reflector) => reflector.counts())
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    this.#client.close()
  }

  #objectProblems(): Problem[] {
    return this.#reflectors.flatMap((reflector) => reflector.problems())
  }

  #onState(): void {
    if (this.#closing.signal.aborted) return
    this.#outage.update(
      this.#reflectors.flatMap(({ kind, failure: error, isSynced }) => (error ? [{ kind, error, isSynced }] : [])),
    )
    this.#teller.tell(this.#objectProblems())
    if (this.#store.synced || !this.#reflectors.every(({ isSynced }) => isSynced)) return
    this.#store.markSynced()
    this.#onSynced?.()
  }
}
