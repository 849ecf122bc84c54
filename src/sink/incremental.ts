import { isDeepStrictEqual } from 'node:util'
import type { LocalEndpoint, LocalService } from '../model/local.ts'
import type { Service, ServiceKey } from '../model/service.ts'
import { endpointKeys } from '../model/wire/endpoint-keys.ts'
import type { Sink, SinkChanges } from './sink.ts'

/**
 * Told of one difference after the other, as KPNG's `decoder` does it. A Service is told before its endpoints, and is deleted after
 * them; what is told again is different. What a call throws ends the change set, which goes on with that call after a pause.
 */
export interface IncrementalListener {
  /** A Service is new, or another than before. */
  setService(key: ServiceKey, service: Service): Promise<void> | void
  /** A Service is gone; its endpoints are, already. */
  deleteService(key: ServiceKey): Promise<void> | void
  /**
   * An endpoint is new, or another than before.
   *
   * @param endpointKey identifies it within its Service, and says nothing else
   */
  setEndpoint(key: ServiceKey, endpointKey: string, endpoint: LocalEndpoint): Promise<void> | void
  /** An endpoint is gone. */
  deleteEndpoint(key: ServiceKey, endpointKey: string): Promise<void> | void
  /** Everything that was told belongs together, and is complete. Also called for a first state that is empty. */
  sync(): Promise<void> | void
}

/** What the listener knows of a Service. */
interface Told {
  service: Service
  readonly endpoints: Map<string, LocalEndpoint>
}

/** A sink whose listener is told the least that leads from one state to the next. */
export function incremental(name: string, listener: IncrementalListener): Sink {
  const teller = new Teller(listener)
  return { name, apply: async (changes) => teller.tell(changes) }
}

/** Notes each difference as told only when the listener has taken it, so that a change set can go on where it failed. */
class Teller {
  readonly #listener: IncrementalListener
  readonly #told = new Map<ServiceKey, Told>()
  #hasUnsynced = false

  constructor(listener: IncrementalListener) {
    this.#listener = listener
  }

  async tell({ services, isFirst }: SinkChanges): Promise<void> {
    const changed = [...services].sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [key, local] of changed) if (local !== undefined) await this.#setService(key, local.service)
    for (const [key, local] of changed) await this.#tellEndpoints(key, local)
    for (const [key, local] of changed.toReversed()) if (local === undefined) await this.#deleteService(key)
    if (!this.#hasUnsynced && !isFirst) return
    await this.#listener.sync()
    this.#hasUnsynced = false
  }

  async #setService(key: ServiceKey, service: Service): Promise<void> {
    const told = this.#told.get(key)
    if (told !== undefined && isDeepStrictEqual(told.service, service)) return
    this.#hasUnsynced = true
    await this.#listener.setService(key, service)
    if (told === undefined) this.#told.set(key, { service, endpoints: new Map() })
    else told.service = service
  }

  async #tellEndpoints(key: ServiceKey, local: LocalService | undefined): Promise<void> {
    const told = this.#told.get(key)?.endpoints
    if (told === undefined) return
    const wanted = new Map(keyed(local?.endpoints ?? []))
    for (const [endpointKey, endpoint] of wanted) {
      if (isDeepStrictEqual(told.get(endpointKey), endpoint)) continue
      this.#hasUnsynced = true
      await this.#listener.setEndpoint(key, endpointKey, endpoint)
      told.set(endpointKey, endpoint)
    }
    for (const endpointKey of told.keys()) {
      if (wanted.has(endpointKey)) continue
      this.#hasUnsynced = true
      await this.#listener.deleteEndpoint(key, endpointKey)
      told.delete(endpointKey)
    }
  }

  async #deleteService(key: ServiceKey): Promise<void> {
    if (!this.#told.has(key)) return
    this.#hasUnsynced = true
    await this.#listener.deleteService(key)
    this.#told.delete(key)
  }
}

function keyed(endpoints: readonly LocalEndpoint[]): [key: string, endpoint: LocalEndpoint][] {
  const keys = endpointKeys(endpoints)
  return endpoints.map((endpoint, i) => [keys[i] ?? '', endpoint])
}
