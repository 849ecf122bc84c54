import type { Family } from '../../../src/model/ip.ts'
import { endpoint, virtualServer } from '../../support/services.ts'
import { PeerLab } from '../lab.ts'
import { PEERS } from '../peers.ts'
import { type Lifecycle, rounded } from '../results.ts'
import { rulesetSize } from '../ruleset.ts'

/** As in kube-nftlb's benchmark. */
const ENDPOINTS = [10, 50, 100]
const FAMILY: Family = 4
const BOUND_MS = 60_000

/** Creates and deletes one Service again and again, beside another one; all peers in turn. */
export async function measureLifecycles(rounds: number): Promise<Lifecycle[]> {
  const lab = new PeerLab()
  const peers = PEERS.map(({ name, make }) => {
    const { node } = lab.addPath()
    return { node, peer: make(name, node, FAMILY) }
  })
  const found: Lifecycle[] = []
  try {
    for (const { peer } of peers) await peer.load([virtualServer(0, [endpoint(0)])], BOUND_MS)
    for (const count of ENDPOINTS) {
      const endpoints = Array.from({ length: count }, (_, i) => endpoint(i + 1))
      const service = virtualServer(1, endpoints)
      const rows = peers.map(({ node, peer }) => {
        return { node, peer, row: { create: [] as number[], delete: [] as number[] }, rules: { with: 0, without: 0 } }
      })
      // The first round warms up.
      for (let round = -1; round < rounds; round++) {
        for (const { node, peer, row, rules } of rows) {
          const created = await peer.prepare([{ before: undefined, after: service }], BOUND_MS)()
          if (round < 0) rules.with = (await rulesetSize(node, 0)).rules
          const deleted = await peer.prepare([{ before: service, after: undefined }], BOUND_MS)()
          if (round < 0) rules.without = (await rulesetSize(node, 0)).rules
          else {
            row.create.push(rounded(created))
            row.delete.push(rounded(deleted))
          }
        }
      }
      found.push(...rows.map(({ peer, row, rules }) => ({ peer: peer.name, endpoints: count, ...row, rules })))
    }
  } finally {
    for (const { peer } of peers) await peer.close()
    lab.close()
  }
  return found
}
