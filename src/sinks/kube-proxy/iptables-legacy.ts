import { readFileSync } from 'node:fs'
import { ProgramError, type RunProgram } from '../../kernel/program/run.ts'
import { type IptablesSave, readIptablesSave } from './iptables-save.ts'
import { IPTABLES_TABLES, type IptablesTable } from './names.ts'
import { planRemoval } from './removal.ts'
import { type CleanupReport, counted } from './report.ts'

/** The kernel's older tables of iptables speak no netlink: only iptables' own programs read and write them. */
export const LEGACY_FAMILIES = [
  { program: 'iptables', tables: '/proc/net/ip_tables_names' },
  { program: 'ip6tables', tables: '/proc/net/ip6_tables_names' },
] as const
export type LegacyFamily = (typeof LEGACY_FAMILIES)[number]

/** How long iptables-restore waits for another iptables, seconds. */
const WAIT_SECONDS = 10

/** The tables of iptables-legacy that are in use in this network namespace; empty when the kernel has none. */
export function legacyTables({ tables }: LegacyFamily): string[] {
  try {
    return readFileSync(tables, 'utf8').split('\n')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/**
 * Removes what kube-proxy left in the tables of iptables-legacy, each table atomically.
 *
 * @param inUse as {@link legacyTables} gives it.
 * @throws ProgramError
 */
export async function cleanupLegacy(
  family: LegacyFamily,
  inUse: readonly string[],
  run: RunProgram,
  report: CleanupReport,
): Promise<void> {
  const tables = IPTABLES_TABLES.filter((table) => inUse.includes(table))
  if (tables.length === 0) return
  const name = await legacyProgram(family, run)
  if (name === undefined) {
    const what = `tables of ${family.program}-legacy (${tables.join(', ')})`
    report.left.push(
      `${what}: may hold rules of kube-proxy; install iptables-legacy and do this again, or restart the node`,
    )
    return
  }
  for (const table of tables) {
    const save = readIptablesSave(await run(`${name}-save`, ['-t', table]))
    const { text, removed, left } = removalText(table, save, `table ${table} of ${family.program}-legacy`)
    if (text !== '') await run(`${name}-restore`, ['--noflush', `--wait=${WAIT_SECONDS}`], text)
    report.removed.push(...removed)
    report.left.push(...left)
  }
}

/** What iptables-restore has to read; empty when there is nothing to remove. */
function removalText(table: IptablesTable, save: IptablesSave, where: string): { text: string } & CleanupReport {
  const { chains, jumps, kept } = planRemoval(table, save.chains, save.builtIn, save.rules)
  const left = kept.map(({ chain, usedBy }) => `chain ${chain} of ${where}: ${usedBy} uses it`)
  if (chains.length + jumps.length === 0) return { text: '', removed: [], left }
  const lines = [
    `*${table}`,
    // Declaring a chain empties it.
    ...chains.map((chain) => `:${chain} - [0:0]`),
    ...jumps.map(({ text }) => `-D ${text}`),
    ...chains.map((chain) => `-X ${chain}`),
    'COMMIT',
    '',
  ]
  const removed = [`${counted(chains.length, 'chain')} and ${counted(jumps.length, 'jump')} of ${where}`]
  return { text: lines.join('\n'), removed, left }
}

/**
 * The program that has the older tables: `iptables-legacy`, or `iptables` where a distribution has no other kind.
 *
 * @returns undefined when there is none.
 */
async function legacyProgram({ program }: LegacyFamily, run: RunProgram): Promise<string | undefined> {
  for (const name of [`${program}-legacy`, program]) {
    try {
      const version = await run(`${name}-save`, ['--version'])
      if (!version.includes('nf_tables')) return name
    } catch (error) {
      if (!(error instanceof ProgramError && error.code === 'PROGRAM_MISSING')) throw error
    }
  }
  return undefined
}
