import { collectGarbage } from '../../support/quiet.ts'
import type { Cell } from '../results.ts'
import type { SluicePeer } from '../sluice-peer.ts'
import type { ChangeMaker } from './changes.ts'

/** Changes before the first look, at least: code is compiled. */
const WARM_UP = 1000

/** How the heap grows with the number of updates: it must not. */
export async function measureHeap(
  peer: SluicePeer,
  changes: ChangeMaker,
  count: number,
): Promise<NonNullable<Cell['heap']>> {
  // Every endpoint once: what came with the load shares its texts with the benchmark's own objects, and takes less.
  const all = peer.servers.reduce((sum, { pool }) => sum + pool.endpoints.length, 0)
  const before = await heapAfter(peer, changes, Math.max(WARM_UP, all))
  const after = await heapAfter(peer, changes, count)
  return { changes: count, before, after }
}

async function heapAfter(peer: SluicePeer, changes: ChangeMaker, count: number): Promise<number> {
  for (let i = 0; i < count; i++) await peer.prepare(changes.make('endpoint replaced', peer).change)()
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}
