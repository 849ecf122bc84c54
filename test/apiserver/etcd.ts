import type { Manifest } from '../sluice/manifests.ts'
import { type Collection, metaOf } from './collections.ts'
import { expired } from './status.ts'

/** One write. */
export interface Change {
  /** The revision that it made. */
  readonly revision: number
  readonly collection: Collection
  /** With this change's resource version; of a deletion, the last state. */
  readonly object: Manifest
  /** What was there before; undefined when it was created. */
  readonly previous: Manifest | undefined
  readonly isDeletion: boolean
}

/** The state of the database at some time. */
export interface Snapshot {
  readonly revision: number
  readonly changes: readonly Change[]
  readonly compacted: number
}

const FIRST_REVISION = 100

/** Objects with their history and one counter of revisions for all of them, as in etcd. */
export class Etcd {
  #revision = FIRST_REVISION
  #compacted = 0
  /** In order; what was compacted is reduced to the objects' last state. */
  #changes: Change[] = []
  readonly #objects = new Map<string, Manifest>()
  readonly #listeners = new Set<(change: Change) => void>()
  /** The state that was asked for last: a list asks for the same one page after page. */
  #sorted: { collection: Collection; revision: number; objects: Manifest[] } | undefined

  /** The revision of the last write. */
  get revision(): number {
    return this.#revision
  }

  /** Nothing is known of states before this revision. */
  get compacted(): number {
    return this.#compacted
  }

  get(collection: Collection, namespace: string, name: string): Manifest | undefined {
    return this.#objects.get(keyOf(collection, { namespace, name }))
  }

  /** Creates or replaces. @returns the object with its resource version. */
  put(collection: Collection, given: Manifest): Manifest {
    const key = keyOf(collection, metaOf(given))
    const previous = this.#objects.get(key)
    const object = withVersion(given, this.#revision + 1)
    this.#objects.set(key, object)
    this.#write({ collection, object, previous, isDeletion: false })
    return object
  }

  /** @returns false when there is no such object. */
  delete(collection: Collection, given: Manifest): boolean {
    const key = keyOf(collection, metaOf(given))
    const previous = this.#objects.get(key)
    if (previous === undefined) return false
    this.#objects.delete(key)
    const object = withVersion(previous, this.#revision + 1)
    this.#write({ collection, object, previous, isDeletion: true })
    return true
  }

  /** Something else in the cluster was written. @returns the revision. */
  advance(revisions = 1): number {
    this.#revision += revisions
    return this.#revision
  }

  /** The objects at a revision, by namespace and name. @throws ApiError when that was compacted. */
  at(collection: Collection, revision: number): readonly Manifest[] {
    if (revision < this.#compacted) throw expired(revision, this.#compacted)
    if (this.#sorted?.collection === collection && this.#sorted.revision === revision) return this.#sorted.objects
    const all = revision >= this.#revision ? this.#objects : replay(this.#changes, revision)
    const prefix = `${collection}/`
    const entries = [...all].filter(([key]) => key.startsWith(prefix)).sort(byKey)
    const objects = entries.map(([, object]) => object)
    this.#sorted = { collection, revision, objects }
    return objects
  }

  /** The changes after a revision, in order. @throws ApiError when some of them were compacted. */
  since(collection: Collection, revision: number): Change[] {
    if (revision < this.#compacted) throw expired(revision, this.#compacted)
    let first = this.#changes.length
    while (first > 0 && (this.#changes[first - 1]?.revision ?? 0) > revision) first--
    return this.#changes.slice(first).filter((change) => change.collection === collection)
  }

  /** Forgets what was before a revision: the present one, unless told. */
  compact(revision: number = this.#revision): void {
    this.#compacted = revision
    const latest = new Set(replay(this.#changes, revision).values())
    this.#changes = this.#changes.filter((change) => change.revision > revision || latest.has(change.object))
  }

  /** Called with each write until the returned function is. */
  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  snapshot(): Snapshot {
    return { revision: this.#revision, changes: [...this.#changes], compacted: this.#compacted }
  }

  /** The database is put back to what it was: the revision is smaller than clients have seen. */
  restore({ revision, changes, compacted }: Snapshot): void {
    this.#revision = revision
    this.#compacted = compacted
    this.#changes = [...changes]
    this.#sorted = undefined
    this.#objects.clear()
    for (const [key, object] of replay(changes, revision)) this.#objects.set(key, object)
  }

  #write(write: Omit<Change, 'revision'>): void {
    const change = { revision: this.advance(), ...write }
    this.#changes.push(change)
    for (const listener of this.#listeners) listener(change)
  }
}

function replay(changes: readonly Change[], revision: number): Map<string, Manifest> {
  const objects = new Map<string, Manifest>()
  for (const change of changes) {
    if (change.revision > revision) break
    const key = keyOf(change.collection, metaOf(change.object))
    if (change.isDeletion) objects.delete(key)
    else objects.set(key, change.object)
  }
  return objects
}

function keyOf(collection: Collection, { namespace = '', name = '' }: { namespace?: string; name?: string }): string {
  return `${collection}/${namespace}/${name}`
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}

/** The same object as of another revision. */
export function withVersion(object: Manifest, revision: number): Manifest {
  return { ...object, metadata: { ...metaOf(object), resourceVersion: String(revision) } }
}
