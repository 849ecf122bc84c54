import { expect } from 'vitest'
import type { NftablesConnection } from '../../src/kernel/nftables/connection.ts'
import type { Table } from '../../src/kernel/nftables/types.ts'
import type { NftablesWatch } from '../../src/kernel/nftables/watch.ts'
import { type Cidr, FAMILIES, parseCidr } from '../../src/model/ip.ts'
import { buildLayout } from '../../src/sinks/nft/layout.ts'
import { NftPlane } from '../../src/sinks/nft/plane.ts'
import type { PlaneChanges } from '../../src/virtual-server/data-plane.ts'
import { NODE, POOLS, type Step } from './arbitrary-cluster.ts'
import { Cluster } from './cluster.ts'
import { type Meanings, outcomeIn, readMeanings } from './meaning.ts'
import { expectedOutcome } from './oracle.ts'
import { allPackets } from './packets.ts'

/** nf_tables of one network namespace: a real one, or a fake. */
export interface Kernel {
  readonly connect: () => NftablesConnection
  readonly watch: (tables: readonly Table[], portId: number) => NftablesWatch
}

interface IncrementOptions {
  readonly detectsPods: boolean
  readonly kernel: Kernel
  /** Another one without tables: for the state from scratch. */
  readonly empty: Kernel
}

const CLUSTER_CIDRS = POOLS.clusterCIDRs.flatMap((text): Cidr[] =>
  [parseCidr(text)].filter((cidr) => cidr !== undefined),
)
const PACKETS = [...allPackets()]

/**
 * Takes a plane through all steps. Whenever a step is done the tables do what the promises say, and a plane that compares
 * them finds nothing to do; in the end they do what tables do that were made at once.
 */
export async function expectIncrements(steps: readonly Step[], options: IncrementOptions): Promise<void> {
  const { detectsPods, kernel, empty } = options
  const planeOn = ({ connect, watch }: Kernel) =>
    new NftPlane({ clusterCIDRs: detectsPods ? CLUSTER_CIDRS : [], connection: connect(), watch, watchInterval: 0 })
  const cluster = new Cluster()
  let plane = planeOn(kernel)
  const restart = async (changes: PlaneChanges) => {
    await plane.close()
    plane = planeOn(kernel)
    await plane.apply(changes)
  }
  try {
    for (const [i, step] of steps.entries()) {
      if (step === 'restart') await expectNoTransaction(plane, () => plane.check())
      if (step === 'restart') await restart(cluster.whole())
      else if (step === 'resync') await expectNoTransaction(plane, () => plane.check())
      else {
        for (const changes of step) cluster.update(changes)
        const changes = i === 0 ? await cluster.start() : await cluster.changes()
        if (changes !== undefined) await plane.apply(changes)
      }
      expectOnlyLostClaims(plane)
    }
    const meanings = await meaningsIn(kernel)
    expectPromises(cluster, meanings, detectsPods)
    await expectStandingChains(kernel, detectsPods)
    await expectNoTransaction(plane, () => plane.check())
    await restart(cluster.whole())
    expect(plane.counts().transactions, 'transactions of a plane that takes over').toBe(0)
    const fresh = planeOn(empty)
    await fresh.apply(cluster.whole())
    expect(counts(plane)).toEqual(counts(fresh))
    expect(plane.problems()).toEqual(expect.arrayContaining([...fresh.problems()]))
    await fresh.close()
    expect(meanings).toEqual(await meaningsIn(empty))
  } finally {
    await plane.close()
  }
}

async function expectNoTransaction(plane: NftPlane, work: () => Promise<void>): Promise<void> {
  const before = plane.counts().transactions
  await work()
  expect(plane.counts().transactions, 'transactions').toBe(before)
}

/** The kernel must refuse nothing of what it is told. */
function expectOnlyLostClaims(plane: NftPlane): void {
  expect(plane.problems().filter(({ message }) => !message.includes('takes precedence'))).toEqual([])
  expect(plane.counts().driftRepaired).toBe(0)
}

function counts(plane: NftPlane): Pick<ReturnType<NftPlane['counts']>, 'virtualServers' | 'endpoints'> {
  const { virtualServers, endpoints } = plane.counts()
  return { virtualServers, endpoints }
}

async function meaningsIn({ connect }: Kernel): Promise<Meanings> {
  const connection = connect()
  try {
    return await readMeanings(connection)
  } finally {
    connection.close()
  }
}

function expectPromises(cluster: Cluster, meanings: Meanings, detectsPods: boolean): void {
  const world = { objects: [...cluster.manifests.values()], nodeName: NODE, detectsPods }
  for (const packet of PACKETS) {
    const outcome = outcomeIn(meanings[packet.family], packet, detectsPods)
    expect({ packet, outcome }).toEqual({ packet, outcome: expectedOutcome(world, packet) })
  }
  for (const family of FAMILIES) {
    const addresses = cluster.nodeAddresses.filter((address) => address.includes(':') === (family === 6))
    expect(meanings[family].members['node-ips']).toHaveLength(addresses.length)
  }
}

/** Chains that are there for a kind of treatment, however many Services have it. */
const KIND_CHAIN = /^(?:pick|affinity|learn)-\d+(?:-[a-z-]+)?$/

/** All other chains, and their rules, are those of a table without any Service. */
async function expectStandingChains({ connect }: Kernel, detectsPods: boolean): Promise<void> {
  const connection = connect()
  const standing = (names: readonly string[]) => names.filter((name) => !KIND_CHAIN.test(name)).sort()
  for (const family of FAMILIES) {
    const { table, chains, rules } = buildLayout(family, {
      detector: detectsPods ? 'address' : 'none',
      dropInvalid: true,
    })
    const state = await connection.readTable(table)
    expect(standing(state?.chains.map(({ name }) => name) ?? [])).toEqual(standing(chains.map(({ name }) => name)))
    expect(standing(state?.rules.map(({ chain }) => chain) ?? [])).toEqual(standing(rules.map(({ chain }) => chain)))
  }
  connection.close()
}
