import { collectGarbage } from '../../support/quiet.ts'
import type { Cell } from '../results.ts'
import type { SluicePeer } from '../sluice-peer.ts'
import type { ChangeMaker } from './changes.ts'

/** Changes before the first look: caches fill, code is compiled. */
const WARM_UP = 1000

/** How the heap grows with the number of updates: it must not. */
export async function measureHeap(
  peer: SluicePeer,
  changes: ChangeMaker,
  count: number,
): Promise<NonNullable<Cell['heap']>> {
  const before = await heapAfter(peer, changes, WARM_UP)
  const after = await heapAfter(peer, changes, count)
  return { changes: count, before, after }
}

async function heapAfter(peer: SluicePeer, changes: ChangeMaker, count: number): Promise<number> {
  for (let i = 0; i < count; i++) await peer.prepare(changes.make('endpoint replaced', peer).change)()
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}
