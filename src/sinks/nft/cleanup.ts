import { NetlinkBatch } from '../../kernel/nftables/batch.ts'
import { NftablesConnection } from '../../kernel/nftables/connection.ts'
import type { Table } from '../../kernel/nftables/types.ts'
import { TABLE_NAME } from './layout.ts'

const TABLES: readonly Table[] = [
  { family: 'ip', name: TABLE_NAME },
  { family: 'ip6', name: TABLE_NAME },
]

/**
 * Deletes everything that the nftables plane ever made, and nothing else.
 *
 * @returns the tables that were there, for example `ip sluice`.
 * @throws NetlinkError, NftablesError
 */
export async function cleanupNft(connection: NftablesConnection = NftablesConnection.open()): Promise<string[]> {
  const batch = new NetlinkBatch()
  const found: string[] = []
  for (const table of TABLES) {
    if ((await connection.readTable(table)) === undefined) continue
    batch.deleteTable(table)
    found.push(`${table.family} ${table.name}`)
  }
  await connection.commit(batch)
  connection.close()
  return found
}
