import { setTimeout as delay } from 'node:timers/promises'
import type { Family } from '../../../src/model/ip.ts'
import type { VirtualServer } from '../../../src/virtual-server/virtual-server.ts'
import { endpoint, virtualServer, virtualServers } from '../../support/services.ts'
import type { NodePath, PeerLab } from '../lab.ts'
import { LiveProcess, type LiveProxy, SLUICE_PROCESS } from '../live.ts'
import { OverTime } from '../peer.ts'
import { type Cell, rounded } from '../results.ts'

/** Longer than the shortest time between two updates that a proxy leaves by default: each change is a single one. */
const APART_MS = 1200
const MOST_SERVICES_FOR_DRIFT = 100
/** Longer than the 30 seconds between two syncs of kube-proxy. */
const DRIFT_BOUND_MS = 45_000

/** Endpoints of the Service that is looked at. */
const FIRST_PROBED = 3_900_000

/** A whole proxy: its start, what one changed slice takes, a crash, and the loss of its tables. */
export async function measureLive(
  lab: PeerLab,
  path: NodePath,
  proxy: LiveProxy,
  cell: Cell,
  { boundMs, changes }: { boundMs: number; changes: number },
): Promise<void> {
  const { services, endpoints, family } = cell
  const process = new LiveProcess(proxy, path.node, family)
  let spare = FIRST_PROBED
  let probed = probe(services, spare++, family)
  const tryReach = async (bound: number) => {
    const [wanted] = probed.pool.endpoints
    const through = lab.through(path, probed.address ?? '', probed.port)
    const isWanted = (address: string | undefined) => {
      if (process.hasEnded) throw new Error(`it ended: ${process.output.slice(-300)}`)
      return address === wanted?.address
    }
    return lab.listener.reaches(lab.client, through, isWanted, bound)
  }
  const reached = async (what: string) => {
    const time = await tryReach(boundMs)
    if (time === undefined) throw new OverTime(what, boundMs)
    return time
  }
  const replaced = () => {
    probed = probe(services, spare++, family)
    process.changeSlice(probed)
  }
  try {
    await process.serve([...virtualServers(services, endpoints, family), probed])
    const started = performance.now()
    process.start()
    cell.load = [rounded((await reached('the first state')) - started)]
    cell.propagation = []
    for (let change = 0; change < changes; change++) {
      await delay(APART_MS)
      const start = performance.now()
      replaced()
      cell.propagation.push(rounded((await reached('a changed slice')) - start))
    }
    cell.processBytes = process.peakBytes
    await process.crash()
    replaced()
    const restarted = performance.now()
    process.start()
    cell.restart = [rounded((await reached('a restart')) - restarted)]
    // Others look once in a sync period, however many Services there are.
    if (proxy === SLUICE_PROCESS || services <= MOST_SERVICES_FOR_DRIFT) {
      path.node.nft('flush ruleset')
      const lost = performance.now()
      const found = await tryReach(DRIFT_BOUND_MS)
      cell.drift = found === undefined ? [] : [rounded(found - lost)]
    }
  } finally {
    await process.close()
  }
}

/** A Service with one endpoint, behind all others. */
function probe(services: number, endpointNumber: number, family: Family): VirtualServer {
  return virtualServer(services + 2, [endpoint(endpointNumber, family)], family)
}
