import { NftablesConnection } from '../../kernel/nftables/connection.ts'
import { runProgram } from '../../kernel/program/run.ts'
import { cleanupLegacy, LEGACY_FAMILIES, legacyTables } from './iptables-legacy.ts'
import { cleanupIpsets, cleanupIpvs, openIpvsDoors } from './ipvs.ts'
import { cleanupNftables } from './nftables.ts'
import { attempt, type CleanupReport } from './report.ts'

/**
 * Removes what a kube-proxy left in this network namespace, in whatever mode it ran (promise 95), and nothing else. A part
 * that fails is reported and leaves the others running. The kube-proxy must have ended: one that runs makes all of it anew.
 *
 * @throws NetlinkError when the kernel cannot be programmed at all.
 */
export async function cleanupKubeProxy(): Promise<CleanupReport> {
  const report: CleanupReport = { removed: [], left: [] }
  const nftables = NftablesConnection.open()
  const doors = openIpvsDoors()
  try {
    for (const family of ['ip', 'ip6'] as const) {
      await attempt(report, `nf_tables of family ${family}`, () => cleanupNftables(nftables, family, report))
    }
    for (const family of LEGACY_FAMILIES) {
      await attempt(report, `tables of ${family.program}-legacy`, () =>
        cleanupLegacy(family, legacyTables(family), runProgram, report),
      )
    }
    // In one step: without the sets, node ports that could not be deleted could never be told.
    await attempt(report, 'the ipvs mode', () => {
      cleanupIpvs(doors, report)
      cleanupIpsets(doors.ipset, report)
    })
  } finally {
    nftables.close()
    for (const door of [doors.route, doors.ipvs, doors.ipset]) door?.close()
  }
  return report
}
