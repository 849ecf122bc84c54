import { type ClusterObject, type ObjectId, objectId, type Problem } from '../../model/object.ts'
import type { SourceError } from '../error.ts'
import type { InputFile } from './inputs.ts'
import { Pace } from './pace.ts'
import type { ReadUnit, UnitContent } from './unit.ts'

/** A unit that is remembered, so that the same text need not be read again. */
interface StoredUnit {
  readonly digest: string
  readonly line: number
  readonly content: UnitContent
  /** Of the content's objects, in their order. */
  readonly ids: readonly ObjectId[]
}

/** An object that a file gives. */
export interface Held {
  readonly object: ClusterObject
  /** Where it begins in the file. */
  readonly line: number
}

/** An object that a file gives twice. */
interface Duplicate {
  readonly id: ObjectId
  readonly earlier: number
  readonly later: number
}

/** What a file holds, as of one reading of it. */
export class FileContents {
  readonly units: StoredUnit[] = []
  readonly held = new Map<ObjectId, Held>()
  readonly duplicates: Duplicate[] = []
  /** Objects of an earlier reading that are held on to, because this one was not clean. */
  kept = 0
  readonly #failed = new Set<string>()

  /** Objects whose text was the same in the earlier reading are taken from there. */
  add(units: readonly ReadUnit[], earlier: EarlierContents): void {
    for (const { digest, line, content } of units) {
      const known = earlier.units.get(digest)
      const unit = known?.line === line && content === undefined ? known : storedUnit(digest, line, content, known)
      if (unit === undefined) continue
      this.units.push(unit)
      unit.content.objects.forEach((object, i) => this.#hold(unit.ids[i], object, line, earlier))
      for (const id of unit.content.failed) this.#failed.add(id)
    }
  }

  /**
   * Nothing is lost: what an earlier reading had and this one has not is kept when it may be among what could not be read.
   */
  async keepFrom(earlier: EarlierContents): Promise<void> {
    if (this.#failed.size === 0) return
    const isKept = (id: ObjectId): boolean => this.#failed.has('') || this.#failed.has(id)
    const pace = new Pace()
    for (const [id, held] of earlier.held) {
      if (pace.due) await pace.pause()
      if (this.held.has(id) || !isKept(id)) continue
      this.held.set(id, held)
      this.kept++
    }
  }

  #hold(id: ObjectId | undefined, object: ClusterObject, line: number, earlier: EarlierContents): void {
    if (id === undefined) return
    const other = this.held.get(id)
    if (other !== undefined) this.duplicates.push({ id, earlier: other.line, later: line })
    const old = earlier.held.get(id)
    this.held.set(id, old?.object === object && old.line === line ? old : { object, line })
  }
}

/** What the reading before this one found. */
export class EarlierContents {
  readonly units = new Map<string, StoredUnit>()
  readonly held: ReadonlyMap<ObjectId, Held>

  constructor({ units, held }: FileContents) {
    for (const unit of units) this.units.set(unit.digest, unit)
    this.held = held
  }
}

function storedUnit(
  digest: string,
  line: number,
  content: UnitContent | undefined,
  known: StoredUnit | undefined,
): StoredUnit | undefined {
  if (content !== undefined) return { digest, line, content, ids: content.objects.map(objectId) }
  return known === undefined ? undefined : { ...known, line }
}

/** A file, and what it holds. */
export class FileState {
  readonly key: string
  readonly path: string
  readonly input: string
  readonly type: InputFile['type']
  contents = new FileContents()
  /** Of the reading that `contents` is from; empty when it is not certain that nothing changed since. */
  stamp = ''
  inode = 0n
  /** Why it could not be read the last time; the contents are then older. */
  error: SourceError | undefined
  /** performance.now() at which it was first found to be gone. */
  goneSince: number | undefined
  /** Readings in a row whose deletions were not believed yet. */
  postponed = 0

  constructor({ key, path, input, type }: InputFile) {
    this.key = key
    this.path = path
    this.input = input
    this.type = type
  }

  /** What is wrong with this file by itself. */
  *problems(): Generator<Problem> {
    if (this.error !== undefined) yield fileProblem('error', this.error.reason, this.path)
    for (const { line, content } of this.contents.units) {
      for (const { severity, object, field, message, line: below, column } of content.problems) {
        const origin = `${this.path}:${line + below}${column > 0 ? `:${column}` : ''}`
        yield { severity, object, field, message, origin }
      }
    }
    for (const { id, earlier, later } of this.contents.duplicates) {
      const origin = `${this.path}:${later}`
      const message = `also at ${this.path}:${earlier}; this one is used, because it comes later`
      yield { severity: 'warning', object: id, field: '', message, origin }
    }
    const { kept } = this.contents
    const message = `${kept} ${kept === 1 ? 'object' : 'objects'} of an earlier reading kept until this one has no errors`
    if (kept > 0) yield fileProblem('warning', message, this.path)
  }

  /** True when at least something in it could be read, or there is nothing in it. */
  get isUsable(): boolean {
    if (this.error !== undefined) return false
    const { units } = this.contents
    return units.length === 0 || units.some(({ content }) => !content.failed.includes(''))
  }
}

export function fileProblem(severity: Problem['severity'], message: string, origin: string): Problem {
  return { severity, object: '', field: '', message, origin }
}
