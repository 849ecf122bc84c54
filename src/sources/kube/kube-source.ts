import type { Problem } from '../../model/object.ts'
import type { Store } from '../../store/store.ts'
import { ProblemTeller } from '../problem-teller.ts'
import type { Source } from '../source.ts'
import { ApiClient } from './api-client.ts'
import type { ApiServer } from './api-server.ts'
import { Reflector } from './reflector.ts'
import { resources } from './resources.ts'
import { DEFAULT_TIMING, type Timing } from './timing.ts'

export interface KubeSourceOptions {
  readonly store: Store
  readonly server: ApiServer
  /** The only Node that is read; undefined for all of them, which who serves other nodes needs. */
  readonly nodeName: string | undefined
  /** Called once for each problem that is new. */
  readonly onProblem?: (problem: Problem) => void
  readonly timing?: Timing
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
  readonly #closing = new AbortController()
  #running: Promise<unknown> | undefined
  #onSynced: (() => void) | undefined

  constructor({ store, server, nodeName, timing = DEFAULT_TIMING, ...listeners }: KubeSourceOptions) {
    const client = new ApiClient(server)
    this.#client = client
    this.#store = store
    this.#teller = new ProblemTeller(listeners)
    this.#reflectors = resources(nodeName).map((resource) => {
      const onUpdate = store.apply.bind(store)
      return new Reflector({ client, resource, timing, onUpdate, onState: () => this.#onState() })
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
    return this.#reflectors.flatMap((reflector) => reflector.problems())
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    this.#client.close()
  }

  #onState(): void {
    if (this.#closing.signal.aborted) return
    this.#teller.tell(this.problems())
    if (this.#store.synced || !this.#reflectors.every(({ isSynced }) => isSynced)) return
    this.#store.markSynced()
    this.#onSynced?.()
  }
}
