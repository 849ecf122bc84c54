// Where the time of a load goes, from the text of the objects to the netlink messages: CPU time of the main thread for each
// step, which other work on the machine disturbs least. Run by `npm run bench -- pipeline`.
// Options: --rounds N, --services N, --endpoints N, --family 4|6.
import { parseArgs } from 'node:util'
import { NetlinkBatch } from '../src/kernel/nftables/batch.ts'
import type { Family } from '../src/model/ip.ts'
import { parseObject } from '../src/model/parse/object.ts'
import type { ServiceKey } from '../src/model/service.ts'
import { NodeView } from '../src/node/view.ts'
import { emitTable } from '../src/sinks/nft/apply.ts'
import { familyState } from '../src/sinks/nft/family-state.ts'
import { leftoversOf } from '../src/sinks/nft/leftovers.ts'
import { Store } from '../src/store/store.ts'
import { Destinations, noWinners } from '../src/virtual-server/destinations.ts'
import { virtualServers } from '../src/virtual-server/from-local.ts'
import type { VirtualServer } from '../src/virtual-server/virtual-server.ts'
import { mainThreadCpu } from './support/cpu.ts'
import { serviceManifest, sliceManifest } from './support/manifests.ts'
import { inOwnNetns } from './support/netns.ts'
import { NODE_NAME } from './support/pipeline.ts'
import { collectGarbage } from './support/quiet.ts'
import { POD_CIDRS, virtualServers as workload } from './support/services.ts'
import { Sample, SPREAD_HEADINGS, spread } from './support/statistics.ts'
import { printTable } from './support/table.ts'

const STEPS = ['parse', 'store', 'node view', 'virtual servers', 'destinations', 'render', 'encode'] as const
type Step = (typeof STEPS)[number]

/** Rounds in which code is compiled. */
const WARM_UP = 2

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    services: { type: 'string', default: '10000' },
    endpoints: { type: 'string', default: '5' },
    family: { type: 'string', default: '4' },
  },
})
const family = Number(options.family) as Family
const [services, endpoints, rounds] = [options.services, options.endpoints, options.rounds].map(Number) as [
  number,
  number,
  number,
]

async function load(texts: readonly string[], done: (step: Step) => void): Promise<void> {
  const objects = texts.flatMap((text) => parseObject(JSON.parse(text), '').objects)
  done('parse')
  const store = new Store()
  const view = new NodeView(store, NODE_NAME)
  store.apply({ set: objects, delete: [] })
  store.markSynced()
  done('store')
  const changed = (await view.next())?.services ?? new Set<ServiceKey>()
  const locals = [...changed].flatMap((key) => view.local(key) ?? [])
  done('node view')
  const served = locals.map((local): [ServiceKey, VirtualServer[]] => [local.key, virtualServers(local)])
  done('virtual servers')
  const destinations = new Destinations()
  const winners = noWinners()
  for (const [key, servers] of served) destinations.updateService(key, servers, winners)
  done('destinations')
  const state = familyState(family, { clusterCIDRs: POD_CIDRS })
  const nothing = { state: undefined, elements: new Map<string, never>(), generation: 0 }
  await state.load(leftoversOf(state.layout, nothing), winners[family], { nodeAddresses: [] })
  done('render')
  const batch = new NetlinkBatch()
  for (const _ of emitTable(batch, state));
  batch.finish(0)
  done('encode')
}

// For the flags that Node gets there, which are those of the program; nothing is programmed.
await inOwnNetns(async () => {
  const texts = workload(services, endpoints, family).flatMap((server) => {
    return [serviceManifest(server), sliceManifest(server)].map((manifest) => JSON.stringify(manifest))
  })
  const samples = new Map(STEPS.map((step) => [step, new Sample()]))
  for (let round = -WARM_UP; round < rounds; round++) {
    let before = mainThreadCpu()
    await load(texts, (step) => {
      if (round >= 0) samples.get(step)?.add(mainThreadCpu() - before)
      // A step pays for its own garbage, as far as it was collected meanwhile.
      collectGarbage()
      before = mainThreadCpu()
    })
  }
  printTable(
    `${services} Services x ${endpoints} endpoints, IPv${family}: CPU time of the main thread in ${rounds} rounds (ms)`,
    ['', ...SPREAD_HEADINGS],
    [...samples].map(([step, sample]) => [step, ...spread(sample)]),
  )
})
