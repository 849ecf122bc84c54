import { type ClusterObject, type ObjectId, objectId, type Problem } from '../../model/object.ts'
import { parseKind } from '../../model/parse/object.ts'
import type { Update } from '../../store/store.ts'
import { isSameObject } from '../same.ts'
import type { Resource } from './resources.ts'

/** What became of objects; undefined when one is gone. The last of several changes of one object counts. */
type Changes = Map<ObjectId, ClusterObject | undefined>

/** The objects of one kind as the API server told them last, stripped to what Sluice reads. */
export class HeldObjects {
  readonly #resource: Resource
  readonly #objects = new Map<ObjectId, ClusterObject>()
  readonly #problems = new Map<ObjectId, readonly Problem[]>()
  #changes: Changes = new Map()
  #problemsChanged = false

  constructor(resource: Resource) {
    this.#resource = resource
  }

  problems(): Problem[] {
    return [...this.#problems.values()].flat()
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
    const { objects, problems, failed } = parseKind(apiVersion, kind, raw, '')
    if (problems.length === 0) this.#solve(id)
    else {
      this.#problems.set(id, problems)
      this.#problemsChanged = true
    }
    if (failed.length > 0) return id
    const object = objects.find((candidate) => objectId(candidate) === id)
    if (object === undefined) this.#forget(id)
    else if (!isSameObject(this.#objects.get(id), object)) {
      this.#objects.set(id, object)
      this.#changes.set(id, object)
    }
    return id
  }

  delete(raw: unknown): void {
    const id = this.#idOf(raw)
    if (id === '') return
    this.#solve(id)
    this.#forget(id)
  }

  /** A whole list named only these: all others are gone. */
  retain(listed: ReadonlySet<ObjectId | ''>): void {
    for (const id of this.#problems.keys()) if (!listed.has(id)) this.#solve(id)
    for (const id of this.#objects.keys()) if (!listed.has(id)) this.#forget(id)
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

  #solve(id: ObjectId): void {
    if (this.#problems.delete(id)) this.#problemsChanged = true
  }

  #forget(id: ObjectId): void {
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
