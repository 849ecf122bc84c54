import type { EndpointSlice } from '../../model/endpoint-slice.ts'
import { type ClusterObject, type ObjectId, objectId, type Problem } from '../../model/object.ts'
import type { KeptKeys } from '../../model/parse/kept-keys.ts'
import { parseKind } from '../../model/parse/object.ts'
import type { ServiceKey } from '../../model/service.ts'
import type { Update } from '../../store/store.ts'
import { isSameObject } from '../same.ts'
import type { ParkedSlices } from './parked-slices.ts'
import type { Resource } from './resources.ts'

/** Objects of one kind whose problems are told one by one: a bad controller may make any number of them. */
export const MAX_OBJECTS_TOLD = 100

/** What became of objects; undefined when one is gone. The last of several changes of one object counts. */
type Changes = Map<ObjectId, ClusterObject | undefined>

export interface HeldOptions {
  /** Labels and annotations that are kept; the default ones when absent. */
  readonly kept?: KeptKeys | undefined
  /** Where slices of Services are that are not ours; when absent, all are held alike. */
  readonly parked?: ParkedSlices | undefined
}

/** The objects of one kind as the API server told them last, stripped to what Sluice reads. */
export class HeldObjects {
  readonly #resource: Resource
  readonly #kept: KeptKeys | undefined
  readonly #parked: ParkedSlices | undefined
  readonly #objects = new Map<ObjectId, ClusterObject>()
  readonly #problems = new Map<ObjectId, readonly Problem[]>()
  /** How many of those with problems cannot be used at all. */
  #failed = 0
  #changes: Changes = new Map()
  #problemsChanged = false

  constructor(resource: Resource, { kept, parked }: HeldOptions = {}) {
    this.#resource = resource
    this.#kept = kept
    this.#parked = parked
  }

  get size(): number {
    return this.#objects.size + (this.#parked?.size ?? 0)
  }

  /** How many objects cannot be used, or only in part. */
  get sizeWithProblems(): number {
    return this.#problems.size
  }

  /** Those of {@link MAX_OBJECTS_TOLD} objects one by one, and of all others that there are some. */
  problems(): Problem[] {
    const told: (readonly Problem[])[] = []
    for (const problems of this.#problems.values()) if (told.push(problems) === MAX_OBJECTS_TOLD) break
    if (this.#problems.size <= told.length) return told.flat()
    const failed = told.filter(hasError).length
    const severity = this.#failed > failed ? 'error' : 'warning'
    // Without the number: it would be another problem with each object.
    const message = `more than ${MAX_OBJECTS_TOLD} objects have problems; the others are told when these are mended`
    return [...told.flat(), { severity, object: this.#resource.kind, field: '', message, origin: '' }]
  }

  /**
   * An object is there, or is another now. One that cannot be used leaves the earlier one as it is.
   *
   * @returns its id; empty when it has no name.
   */
  set(raw: unknown): ObjectId | '' {
    const id = this.#idOf(raw)
    if (id === '') return id
    const { apiVersion, kind } = this.#resource
    const { objects, problems, failed } = parseKind(apiVersion, kind, raw, '', this.#kept)
    this.#tell(id, problems)
    if (failed.length > 0) return id
    const object = objects.find((candidate) => objectId(candidate) === id)
    if (object === undefined) this.#forget(id)
    else this.#keep(id, object)
    return id
  }

  /** @returns its id; empty when it has no name. */
  delete(raw: unknown): ObjectId | '' {
    const id = this.#idOf(raw)
    if (id === '') return id
    this.#tell(id, [])
    this.#forget(id)
    return id
  }

  /** A whole list named only these: all others are gone. */
  retain(listed: ReadonlySet<ObjectId | ''>): void {
    for (const id of this.#problems.keys()) if (!listed.has(id)) this.#tell(id, [])
    for (const id of this.#objects.keys()) if (!listed.has(id)) this.#forget(id)
    for (const id of this.#parked?.ids() ?? []) if (!listed.has(id)) this.#forget(id)
  }

  /** These Services are ours: their slices are there from now on. */
  claim(services: Iterable<ServiceKey>): void {
    for (const service of services) {
      for (const value of this.#parked?.claim(service) ?? []) this.#keepObject({ kind: 'EndpointSlice', value })
    }
  }

  /** This Service is ours no longer; of its slices it is enough to know them. */
  disclaim(service: ServiceKey, slices: Iterable<EndpointSlice>): void {
    this.#parked?.disclaim(service)
    for (const value of slices) this.#keepObject({ kind: 'EndpointSlice', value })
  }

  /** What changed since this was asked last; only what is really different. */
  takeUpdate(): Update {
    const changes = [...this.#changes]
    this.#changes = new Map()
    return {
      set: changes.flatMap(([, object]) => object ?? []),
      delete: changes.flatMap(([id, object]) => (object === undefined ? id : [])),
    }
  }

  /** Whether {@link problems} may be others than when this was asked last. */
  takeProblemsChanged(): boolean {
    const changed = this.#problemsChanged
    this.#problemsChanged = false
    return changed
  }

  #tell(id: ObjectId, problems: readonly Problem[]): void {
    const before = this.#problems.get(id)
    if (before === undefined && problems.length === 0) return
    if (hasError(before)) this.#failed--
    if (hasError(problems)) this.#failed++
    if (problems.length === 0) this.#problems.delete(id)
    else this.#problems.set(id, problems)
    this.#problemsChanged = true
  }

  #keepObject(object: ClusterObject): void {
    this.#keep(objectId(object), object)
  }

  #keep(id: ObjectId, object: ClusterObject): void {
    if (object.kind === 'EndpointSlice' && this.#parked?.park(object.value)) this.#remove(id)
    else if (!isSameObject(this.#objects.get(id), object)) {
      this.#objects.set(id, object)
      this.#changes.set(id, object)
    }
  }

  #forget(id: ObjectId): void {
    this.#parked?.drop(id)
    this.#remove(id)
  }

  #remove(id: ObjectId): void {
    if (this.#objects.delete(id)) this.#changes.set(id, undefined)
  }

  /** Empty when it has no name. An API server always tells the namespace. */
  #idOf(raw: unknown): ObjectId | '' {
    const { metadata } = (raw ?? {}) as { metadata?: { name?: unknown; namespace?: unknown } | null }
    if (typeof metadata?.name !== 'string') return ''
    const namespace = typeof metadata.namespace === 'string' ? `${metadata.namespace}/` : ''
    return `${this.#resource.kind} ${namespace}${metadata.name}` as ObjectId
  }
}

function hasError(problems: readonly Problem[] = []): boolean {
  return problems.some(({ severity }) => severity === 'error')
}
