import type { ClusterObject, ObjectId } from '../../model/object.ts'
import type { Update } from '../../store/store.ts'
import { isSameObject } from '../same.ts'
import type { Claims } from './claims.ts'
import type { FileContents, FileState } from './file-state.ts'
import { Pace } from './pace.ts'

/**
 * Makes `next` the contents of the file, and says what that changes in the cluster's state: only what is different, with the
 * objects of all other files taken into account.
 */
export async function commit(file: FileState, next: FileContents, claims: Claims): Promise<Update> {
  const before = file.contents
  const set: ClusterObject[] = []
  const gone: ObjectId[] = []
  const pace = new Pace()
  for (const [id, { object }] of next.held) {
    if (pace.due) await pace.pause()
    const old = before.held.get(id)?.object
    if (old === object) continue
    if (old === undefined) claims.add(id, file)
    const rival = claims.rival(id, file)
    if (rival !== undefined && rival.key > file.key) continue
    const shown = old ?? rival?.contents.held.get(id)?.object
    if (!isSameObject(shown, object)) set.push(object)
  }
  for (const id of before.held.keys()) {
    if (pace.due) await pace.pause()
    if (next.held.has(id)) continue
    const rival = claims.rival(id, file)
    const successor = rival?.contents.held.get(id)?.object
    if (successor === undefined) gone.push(id)
    else if (rival !== undefined && rival.key < file.key) set.push(successor)
    claims.remove(id, file)
  }
  file.contents = next
  return { set, delete: gone }
}

/** How many objects would go if `next` became the file's contents. */
export function countLost(file: FileState, next: FileContents): number {
  let lost = 0
  for (const id of file.contents.held.keys()) if (!next.held.has(id)) lost++
  return lost
}
