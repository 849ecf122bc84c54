import type { EndpointSlice } from '../../model/endpoint-slice.ts'
import { type ObjectId, objectId } from '../../model/object.ts'
import type { ServiceKey } from '../../model/service.ts'
import { type PackedSlice, packSlice, unpackSlice } from './packed-slice.ts'

/**
 * EndpointSlices of Services that are not ours, packed. They are kept because a Service may become ours at any time, and must
 * have its endpoints then, even when the API server is away.
 */
export class ParkedSlices {
  readonly #own = new Set<ServiceKey>()
  readonly #slices = new Map<ServiceKey, Map<ObjectId, PackedSlice>>()
  readonly #serviceOf = new Map<ObjectId, ServiceKey>()

  get size(): number {
    return this.#serviceOf.size
  }

  ids(): Iterable<ObjectId> {
    return this.#serviceOf.keys()
  }

  /** @returns false for a slice of a Service that is ours: it is not parked. */
  park(slice: EndpointSlice): boolean {
    const id = objectId({ kind: 'EndpointSlice', value: slice })
    this.drop(id)
    if (this.#own.has(slice.service)) return false
    const siblings = this.#slices.get(slice.service) ?? new Map<ObjectId, PackedSlice>()
    siblings.set(id, packSlice(slice))
    this.#slices.set(slice.service, siblings)
    this.#serviceOf.set(id, slice.service)
    return true
  }

  /** Nothing happens when it is not parked. */
  drop(id: ObjectId): void {
    const service = this.#serviceOf.get(id)
    if (service === undefined) return
    this.#serviceOf.delete(id)
    const siblings = this.#slices.get(service)
    siblings?.delete(id)
    if (siblings?.size === 0) this.#slices.delete(service)
  }

  /** The Service is ours. @returns its slices, which are parked no longer. */
  claim(service: ServiceKey): EndpointSlice[] {
    this.#own.add(service)
    const siblings = [...(this.#slices.get(service) ?? [])]
    for (const [id] of siblings) this.drop(id)
    return siblings.map(([, packed]) => unpackSlice(packed))
  }

  /** The Service is ours no longer. */
  disclaim(service: ServiceKey): void {
    this.#own.delete(service)
  }
}
