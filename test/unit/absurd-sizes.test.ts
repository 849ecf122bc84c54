import { expect, test } from 'vitest'
import { familyState } from '../../src/sinks/nft/family-state.ts'
import { Destinations } from '../../src/virtual-server/destinations.ts'
import { ABSURD } from '../property/absurd.ts'
import { Cluster } from '../property/cluster.ts'

/** What takes time with the square of the size does not end in that time. */
const TIMEOUT_MS = 30_000

test.each(Object.entries(ABSURD))('%s', { timeout: TIMEOUT_MS }, async (_, { objects, virtualServers, endpoints }) => {
  const cluster = await Cluster.of(objects())
  const destinations = new Destinations()
  const state = familyState(4, { clusterCIDRs: [] })
  const winners = destinations.update({ services: cluster.servers })
  expect(state.update(winners[4]).added.length).toBeGreaterThanOrEqual(virtualServers + endpoints)
  expect(state.counts).toEqual({ virtualServers, endpoints })
  expect([...state.problems]).toEqual([])
  const gone = destinations.update({ services: new Map([...cluster.servers.keys()].map((key) => [key, []])) })
  state.update(gone[4])
  expect(state.counts).toEqual({ virtualServers: 0, endpoints: 0 })
})
