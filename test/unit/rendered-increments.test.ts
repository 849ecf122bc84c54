import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatVerdict } from '../../src/kernel/nftables/verdict.ts'
import { staleAfter } from '../../src/sinks/nft/affinity.ts'
import type { SetElement } from '../../src/sinks/nft/elements.ts'
import { buildLayout } from '../../src/sinks/nft/layout.ts'
import { RenderedState } from '../../src/sinks/nft/render.ts'
import { Destinations } from '../../src/virtual-server/destinations.ts'
import { arbitrarySteps } from '../property/arbitrary-cluster.ts'
import { Cluster } from '../property/cluster.ts'
import { patience, runs } from '../property/runs.ts'

const FAMILY = 4
/** More pools than there can be. */
const PLENTY = 1000

/** The content of a table's sets: `SET KEY` -> data and comment. */
type Content = Map<string, string>

function keyOf({ set, key, keyEnd, intervalEnd }: SetElement): string {
  const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex')
  return `${set.name} ${hex(key)} ${hex(keyEnd ?? intervalEnd)}`
}

function valueOf({ data, comment = '' }: SetElement): string {
  if (data === undefined) return comment
  return `${data instanceof Uint8Array ? Buffer.from(data).toString('hex') : formatVerdict(data)} ${comment}`
}

function contentOf(state: RenderedState): Content {
  return new Map([...state.elements()].map((element) => [keyOf(element), valueOf(element)]))
}

/** `POOL . SLOT` and endpoint of every slot. */
function slotsOf(state: RenderedState): { pool: number; endpoint: Buffer }[] {
  return [...state.elements()].flatMap(({ set, key, data }) => {
    if (set.name !== 'endpoints' || !(data instanceof Uint8Array)) return []
    return { pool: Buffer.from(key).readUInt32LE(), endpoint: Buffer.from(data) }
  })
}

test(
  'what an update changes is what differs, also while there are not enough pools; clients forget what left',
  async () => {
    await fc.assert(
      fc.asyncProperty(arbitrarySteps, fc.constantFrom(1, 2, 4, PLENTY), async (steps, maxPoolId) => {
        const layout = buildLayout(FAMILY, { detector: 'address', dropInvalid: true })
        const state = new RenderedState(layout, { podCIDRs: [], maxPoolId })
        const destinations = new Destinations()
        const cluster = new Cluster()
        const content: Content = new Map()
        for (const [i, step] of steps.filter((each) => typeof each !== 'string').entries()) {
          for (const changes of step) cluster.update(changes)
          const changes = i === 0 ? await cluster.start() : await cluster.changes()
          if (changes === undefined) continue
          const wasMember = state.membership()
          const remembered = slotsOf(state).filter(({ pool, endpoint }) => wasMember(pool, endpoint))
          const update = state.update(destinations.update(changes)[FAMILY], changes)
          for (const element of update.removed) {
            expect(content.delete(keyOf(element)), `${keyOf(element)} was there`).toBe(true)
          }
          for (const element of update.added) {
            expect(content.has(keyOf(element)), `${keyOf(element)} was there`).toBe(false)
            content.set(keyOf(element), valueOf(element))
          }
          expect(content).toEqual(contentOf(state))
          const isStale = staleAfter(update.forgotten)
          const isMember = state.membership()
          for (const { pool, endpoint } of remembered) {
            if (!isMember(pool, endpoint)) expect(isStale(pool, endpoint), `${pool} forgot`).toBe(true)
          }
          // Where ids are scarce another pool may have got the id at once.
          for (const { pool, endpoint } of maxPoolId === PLENTY ? slotsOf(state) : []) {
            if (wasMember(pool, endpoint) && isMember(pool, endpoint)) expect(isStale(pool, endpoint)).toBe(false)
          }
          const ids = new Set(slotsOf(state).map(({ pool }) => pool))
          expect(ids.size).toBeLessThanOrEqual(maxPoolId)
          if (maxPoolId === PLENTY) expect([...state.problems]).toEqual([])
        }
        await cluster.changes()
        const gone = new Map([...cluster.servers.keys()].map((key) => [key, []]))
        state.update(destinations.update({ services: gone })[FAMILY], { nodeAddresses: [] })
        expect(state.counts).toEqual({ virtualServers: 0, endpoints: 0 })
        expect([...state.problems]).toEqual([])
        const left = [...contentOf(state).keys()].map((key) => key.split(' ')[0])
        expect(left.filter((set) => !/^(?:classes|picks|allowed|(?:post|input)-classes)$/.test(set ?? ''))).toEqual([])
      }),
      runs(100),
    )
  },
  patience(3000),
)
