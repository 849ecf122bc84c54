import type { Problem } from '../../model/object.ts'
import type { KeptKeys } from '../../model/parse/kept-keys.ts'
import { type ServiceKey, serviceKey } from '../../model/service.ts'
import type { Store, Update } from '../../store/store.ts'
import { ProblemTeller } from '../problem-teller.ts'
import type { Source } from '../source.ts'
import { SourceRun } from '../source-run.ts'
import { ApiClient } from './api-client.ts'
import type { ApiServer } from './api-server.ts'
import type { ApiAnswer } from './connection.ts'
import type { ReflectorCounts } from './counts.ts'
import { HeldObjects } from './held-objects.ts'
import { Outage } from './outage.ts'
import { ParkedSlices } from './parked-slices.ts'
import { Reflector } from './reflector.ts'
import { resources } from './resources.ts'
import { DEFAULT_TIMING, type Timing } from './timing.ts'

export interface KubeSourceOptions {
  readonly store: Store
  readonly server: ApiServer
  /** The only Node that is read; undefined for all of them, which who serves other nodes needs. */
  readonly nodeName: string | undefined
  /** The only proxy whose Services are read; empty or absent for those that name none. */
  readonly proxyName?: string
  /** Labels and annotations that are kept; the default ones when absent. */
  readonly kept?: KeptKeys
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
  readonly #run = new SourceRun()

  constructor({ store, server, nodeName, timing = DEFAULT_TIMING, ...options }: KubeSourceOptions) {
    const { onProblem, onNotice, onAnswer, kept, proxyName = '', now = () => performance.now() } = options
    const client = new ApiClient(server, onAnswer)
    this.#client = client
    this.#store = store
    this.#teller = new ProblemTeller({ ...(onProblem && { onProblem }) })
    this.#outage = new Outage({ onProblem, onNotice }, now)
    const streamingLists = { isOffered: true }
    const parked = proxyName === '' ? undefined : new ParkedSlices()
    const onState = () => this.#onState()
    const all = resources({ nodeName, proxyName }).map((resource) => {
      const isSlice = resource.kind === 'EndpointSlice'
      return { resource, held: new HeldObjects(resource, { kept, parked: isSlice ? parked : undefined }) }
    })
    const slices = parked && all.find(({ resource }) => resource.kind === 'EndpointSlice')?.held
    this.#reflectors = all.map(({ resource, held }) => {
      const isService = resource.kind === 'Service'
      const complete = (update: Update) => (isService && slices ? withSlices(update, slices, store) : update)
      const onUpdate = (update: Update) => store.apply(complete(update))
      return new Reflector({ client, resource, held, timing, streamingLists, now, onUpdate, onState })
    })
  }

  /** Waits for the API server as long as it takes, or until {@link close}. */
  async start(): Promise<void> {
    await this.#run.start((signal) => Promise.all(this.#reflectors.map(async (reflector) => reflector.run(signal))))
  }

  problems(): readonly Problem[] {
    return [...this.#outage.problems(), ...this.#objectProblems()]
  }

  /** What was done so far, for each kind of object. */
  counts(): readonly ReflectorCounts[] {
    return this.#reflectors.map((reflector) => reflector.counts())
  }

  async close(): Promise<void> {
    await this.#run.close()
    this.#client.close()
  }

  #objectProblems(): Problem[] {
    return this.#reflectors.flatMap((reflector) => reflector.problems())
  }

  #onState(): void {
    if (this.#run.signal.aborted) return
    this.#outage.update(
      this.#reflectors.flatMap(({ kind, failure: error, isSynced }) => (error ? [{ kind, error, isSynced }] : [])),
    )
    this.#teller.tell(this.#objectProblems())
    if (this.#store.synced || !this.#reflectors.every(({ isSynced }) => isSynced)) return
    this.#store.markSynced()
    this.#run.synced()
  }
}

/** Services that are ours come together with their slices, and go with them. */
function withSlices(update: Update, slices: HeldObjects, store: Store): Update {
  slices.claim(
    update.set.flatMap(({ kind, value }) => (kind === 'Service' ? serviceKey(value.namespace, value.name) : [])),
  )
  for (const id of update.delete) {
    const key = id.slice('Service '.length) as ServiceKey
    slices.disclaim(key, [...store.endpointSlices(key)])
  }
  const further = slices.takeUpdate()
  return { set: [...update.set, ...further.set], delete: [...update.delete, ...further.delete] }
}
