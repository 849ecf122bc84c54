import { MAX_MESSAGE_BYTES } from '../grpc/frame.ts'
import type { Problem } from '../model/object.ts'
import type { ServiceKey } from '../model/service.ts'
import { type Hash, loadHash } from '../model/wire/hash.ts'
import type { ChangeSet, StoreReader } from '../store/reader.ts'
import type { Store } from '../store/store.ts'
import { History } from './history.ts'
import { ServiceVersion } from './service-version.ts'
import { SharedRounds } from './shared-rounds.ts'
import { type ClusterVersion, HISTORY_KEY } from './versions.ts'

/**
 * The store's state with as much of its past as the streams need. It follows the store by itself and tells listeners when there
 * is something new; nothing is to be told before {@link isSynced}.
 */
export class ClusterHistory {
  readonly history: History<ClusterVersion> = new History()
  readonly shared: SharedRounds = new SharedRounds(this.history)
  readonly hash: Hash
  readonly #store: Store
  readonly #reader: StoreReader
  readonly #onChange: () => void
  readonly #proxyName: string
  readonly #tooLarge = new Map<ServiceKey, string>()
  #isSynced = false

  private constructor(store: Store, hash: Hash, onChange: () => void, proxyName: string) {
    this.#store = store
    this.hash = hash
    this.#reader = store.reader()
    this.#onChange = onChange
    this.#proxyName = proxyName
  }

  /**
   * @param onChange called after each revision, also the first
   * @param proxyName whose Services nodes are to serve; empty for those that name no proxy
   */
  static async follow(store: Store, onChange: () => void, proxyName = ''): Promise<ClusterHistory> {
    const history = new ClusterHistory(store, await loadHash(), onChange, proxyName)
    void history.#run()
    return history
  }

  /** True once the source has delivered its whole initial state. */
  get isSynced(): boolean {
    return this.#isSynced
  }

  /** What is told to nobody, since it is larger than gRPC programs take. */
  problems(): Problem[] {
    return [...this.#tooLarge].map(([key, found]) => ({
      severity: 'error',
      object: `Service ${key}`,
      field: '',
      message: `clients are not told: ${found}; at most ${MAX_MESSAGE_BYTES} are taken`,
      origin: '',
    }))
  }

  close(): void {
    this.#reader.close()
  }

  async #run(): Promise<void> {
    for (;;) {
      const changes = await this.#reader.next()
      if (changes === undefined) return
      this.history.record(this.#versions(changes))
      this.#isSynced = true
      this.#onChange()
    }
  }

  *#versions(changes: ChangeSet): Generator<readonly [string, ClusterVersion | undefined]> {
    for (const key of changes.services) yield [HISTORY_KEY.service(key), this.#serviceVersion(key)]
    for (const name of changes.nodes) {
      const node = this.#store.node(name)
      yield [HISTORY_KEY.node(name), node && { kind: 'node', node }]
    }
    for (const name of changes.serviceCIDRs) {
      const object = this.#store.serviceCIDR(name)
      yield [HISTORY_KEY.ranges(name), object && { kind: 'ranges', object }]
    }
    // Beside another proxy nobody but that one knows which addresses are given to no Service.
    if (changes.serviceCIDRs.size > 0 && this.#proxyName === '') {
      yield [HISTORY_KEY.allRanges, { kind: 'all-ranges', cidrs: this.#store.serviceCIDRs() }]
    }
  }

  /** EndpointSlices without their Service are told to nobody: it may come later. */
  #serviceVersion(key: ServiceKey): ServiceVersion | undefined {
    this.#tooLarge.delete(key)
    const service = this.#store.service(key)
    if (service === undefined) return undefined
    return new ServiceVersion(key, service, this.#store.endpointSlices(key), {
      hash: this.hash,
      proxyName: this.#proxyName,
      onTooLarge: (found) => {
        this.#tooLarge.set(key, found)
      },
    })
  }
}
