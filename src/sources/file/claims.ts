import type { ObjectId, Problem } from '../../model/object.ts'
import type { FileState } from './file-state.ts'

/** Which files have which object. Of several files, the one whose path sorts last gives it. */
export class Claims {
  readonly #files = new Map<ObjectId, FileState>()
  /** All files of an object that more than one has, in order of their paths. */
  readonly #contested = new Map<ObjectId, readonly FileState[]>()

  add(id: ObjectId, file: FileState): void {
    const one = this.#files.get(id)
    if (one === undefined) {
      this.#files.set(id, file)
      return
    }
    if (one === file) return
    const files = this.#contested.get(id) ?? [one]
    if (!files.includes(file))
      this.#contested.set(
        id,
        [...files, file].sort((a, b) => (a.key < b.key ? -1 : 1)),
      )
  }

  remove(id: ObjectId, file: FileState): void {
    const left = this.#contested.get(id)?.filter((other) => other !== file) ?? []
    if (left.length > 1) this.#contested.set(id, left)
    else this.#contested.delete(id)
    if (left[0] === undefined) this.#files.delete(id)
    else this.#files.set(id, left[0])
  }

  /** Of the other files that have the object, the one whose path sorts last. */
  rival(id: ObjectId, file: FileState): FileState | undefined {
    const files = this.#contested.get(id)
    if (files === undefined) return undefined
    return files.at(-1) === file ? files.at(-2) : files.at(-1)
  }

  *problems(): Generator<Problem> {
    for (const [id, files] of this.#contested) {
      const winner = files.at(-1)
      for (const loser of files.slice(0, -1)) {
        const message = `also at ${originOf(id, loser)}; this one is used, because its path sorts later`
        yield {
          severity: 'warning',
          object: id,
          field: '',
          message,
          origin: winner === undefined ? '' : originOf(id, winner),
        }
      }
    }
  }
}

function originOf(id: ObjectId, file: FileState): string {
  return `${file.path}:${file.contents.held.get(id)?.line ?? 1}`
}
