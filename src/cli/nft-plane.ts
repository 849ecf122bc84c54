import { release } from 'node:os'
import { NftablesConnection } from '../kernel/nftables/connection.ts'
import type { Logger } from '../observe/log.ts'
import { DryRunPlane } from '../sinks/nft/dry-run.ts'
import type { TrafficOptions } from '../sinks/nft/family-state.ts'
import { NftPlane } from '../sinks/nft/plane.ts'
import type { DataPlane, PlaneObserver } from '../virtual-server/data-plane.ts'
import type { AgentOptions } from './agent-options.ts'
import { UsageError } from './failure.ts'

/**
 * The nftables plane, or what stands for it in a dry run. Fails before anything is read when the kernel cannot be programmed.
 *
 * @throws NetlinkError, NftablesError, UsageError
 */
export async function openNftPlane(options: AgentOptions, log: Logger, observer?: PlaneObserver): Promise<DataPlane> {
  const traffic = trafficOptions(options)
  if (options.dryRun) return new DryRunPlane({ ...traffic, print: (text) => process.stdout.write(text) })
  const connection = NftablesConnection.open()
  await connection.generation()
  return new NftPlane({
    ...traffic,
    ownTables: ownTables(options),
    connection,
    observer,
    log: (message, error) => {
      if (error === undefined) log.warn(message)
      else log.warn({ err: error }, message)
    },
  })
}

function trafficOptions({ detectLocal, conntrackTcpBeLiberal, proxyName }: AgentOptions): TrafficOptions {
  // Whose connection an invalid packet is of cannot be told: beside another proxy it may be that one's, which sees to it for
  // the whole node, as kube-proxy does, or has a reason not to, as one whose pods answer past it (direct server return).
  const dropInvalid = !conntrackTcpBeLiberal && proxyName === ''
  switch (detectLocal.mode) {
    case 'ClusterCIDR':
      return { clusterCIDRs: detectLocal.cidrs, dropInvalid }
    case 'NodeCIDR':
      // The agent tells them as it gets to know them.
      return { clusterCIDRs: [], dropInvalid }
    case 'BridgeInterface':
    case 'InterfaceNamePrefix':
      return { clusterCIDRs: [], podInterface: detectLocal, dropInvalid }
  }
}

/** @throws UsageError on a kernel that has no tables that outlive their owner. */
function ownTables({ ownTables: isWanted }: AgentOptions): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  if (isWanted && (major < 6 || (major === 6 && minor < 9))) {
    throw new UsageError(`--own-tables needs Linux 6.9 or later; this is ${release()}`)
  }
  return isWanted
}
