import { NetlinkBatch } from '../../kernel/nftables/batch.ts'
import type { NftablesConnection } from '../../kernel/nftables/connection.ts'
import type { ReadElement } from '../../kernel/nftables/decode.ts'
import { NftablesError } from '../../kernel/nftables/error.ts'
import type { Commit } from './apply.ts'
import type { Layout } from './layout.ts'
import type { Forgotten } from './render.ts'

/** Entries may expire or be renewed while they are deleted, and then the whole transaction is refused. */
const ATTEMPTS = 10

/** True for an entry that must not be used any longer. */
export type IsStale = (pool: number, endpoint: Buffer) => boolean

/** What changes say has to be forgotten. */
export function staleAfter(forgotten: readonly Forgotten[]): IsStale {
  const pools = new Set<number>()
  const endpoints = new Set<string>()
  for (const { pool, endpoint } of forgotten) {
    if (endpoint === undefined) pools.add(pool)
    else endpoints.add(`${pool} ${endpoint.toString('hex')}`)
  }
  return (pool, endpoint) => pools.has(pool) || endpoints.has(`${pool} ${endpoint.toString('hex')}`)
}

/** Makes clients forget stale endpoints; other clients keep theirs (promise 71). */
export async function forgetClients(
  connection: NftablesConnection,
  commit: Commit,
  { table, sets: { affinity } }: Layout,
  isStale: IsStale,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const stale: ReadElement[] = []
    await connection.readElements(table, affinity.name, (element) => {
      const { key, data } = element
      if (Buffer.isBuffer(data) && isStale(key.readUInt32LE(key.length - 4), data)) stale.push(element)
    })
    if (stale.length === 0) return
    const distinct = new Map(stale.map(({ key }) => [key.toString('hex'), key]))
    try {
      await commit(() => {
        const batch = new NetlinkBatch()
        for (const key of distinct.values()) batch.deleteElement(table, affinity, { key })
        return batch
      })
    } catch (error) {
      const isGone = error instanceof NftablesError && error.refusals.every(({ errno }) => errno === 'ENOENT')
      if (!isGone || attempt >= ATTEMPTS) throw error
    }
  }
}
