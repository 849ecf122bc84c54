import { NetlinkBatch } from '../../kernel/nftables/batch.ts'
import type { NftablesConnection } from '../../kernel/nftables/connection.ts'
import { ruleTargets } from '../../kernel/nftables/decode.ts'
import { NftablesError } from '../../kernel/nftables/error.ts'
import type { Table, TableFamily } from '../../kernel/nftables/types.ts'
import { IPTABLES_TABLES, type IptablesTable, NFTABLES_TABLE } from './names.ts'
import { planRemoval } from './removal.ts'
import { type CleanupReport, counted } from './report.ts'

/** How often it is read again when somebody else writes meanwhile. */
const ATTEMPTS = 20

/**
 * Removes what kube-proxy left in nf_tables of one family, in one transaction: the table of its nftables mode, and the
 * chains and jumps that its other modes made through iptables-nft.
 *
 * @throws NetlinkError, NftablesError; then nothing was removed.
 */
export async function cleanupNftables(
  connection: NftablesConnection,
  family: TableFamily,
  report: CleanupReport,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const found: CleanupReport = { removed: [], left: [] }
    try {
      const generation = await connection.generation()
      const batch = new NetlinkBatch()
      const names = await connection.tableNames(family)
      if (names.includes(NFTABLES_TABLE)) {
        batch.deleteTable({ family, name: NFTABLES_TABLE })
        found.removed.push(`table ${family} ${NFTABLES_TABLE}`)
      }
      for (const name of IPTABLES_TABLES) {
        if (names.includes(name)) await removeFrom(connection, { family, name }, batch, found)
      }
      await connection.commit(batch, generation)
      report.removed.push(...found.removed)
      report.left.push(...found.left)
      return
    } catch (error) {
      const isStale = error instanceof NftablesError && error.code === 'NFT_STALE'
      if (!isStale || attempt === ATTEMPTS) throw error
    }
  }
}

async function removeFrom(
  connection: NftablesConnection,
  table: Table & { readonly name: IptablesTable },
  batch: NetlinkBatch,
  report: CleanupReport,
): Promise<void> {
  const state = await connection.readTable(table)
  if (state === undefined) return
  const { chains, jumps, kept } = planRemoval(
    table.name,
    state.chains.map(({ name }) => name),
    new Set(state.chains.filter(({ base }) => base !== undefined).map(({ name }) => name)),
    state.rules.map((rule) => ({ chain: rule.chain, handle: rule.handle, targets: ruleTargets(rule) })),
  )
  for (const { chain, handle } of jumps) batch.deleteRule(table, chain, handle)
  for (const chain of chains) batch.flushChain(table, chain)
  for (const chain of chains) batch.deleteChain(table, chain)
  const where = `table ${table.family} ${table.name} of iptables-nft`
  if (chains.length + jumps.length > 0) {
    report.removed.push(`${counted(chains.length, 'chain')} and ${counted(jumps.length, 'jump')} of ${where}`)
  }
  for (const { chain, usedBy } of kept) report.left.push(`chain ${chain} of ${where}: ${usedBy} uses it`)
}
