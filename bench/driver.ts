// How fast Sluice's netlink driver programs the kernel, against an nft process that is given the same elements.
// Run by `npm run bench -- driver`, or directly. Options: --rounds N, --services N, --endpoints N, --json FILE.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { NetlinkBatch } from '../src/kernel/nftables/batch.ts'
import { NftablesConnection } from '../src/kernel/nftables/connection.ts'
import { TextTransaction } from '../src/kernel/nftables/text.ts'
import { runInSlices } from '../src/observe/event-loop.ts'
import { emitChanges, emitTable } from '../src/sinks/nft/apply.ts'
import type { RenderedState } from '../src/sinks/nft/render.ts'
import type { VirtualServer } from '../src/virtual-server/virtual-server.ts'
import { childrenCpu, ownCpu } from './support/cpu.ts'
import { BenchNetns, inOwnNetns } from './support/netns.ts'
import { openPlane } from './support/pipeline.ts'
import { collectGarbage, warnOfListeners } from './support/quiet.ts'
import { endpoint, firstState, virtualServer, virtualServers, winnersOf } from './support/services.ts'
import { digits, Sample, SPREAD_HEADINGS, spread } from './support/statistics.ts'
import { printTable } from './support/table.ts'

/** How many changes by Sluice stand beside one by an nft process, which takes so much longer. */
const CHANGES_A_ROUND = 20
const READ_ATTEMPTS = 20
const READ_AGAIN_MS = 50
const FEW_SERVICES = 10
const MANY_SERVICES = 50_000
/** Medians that the design promises. */
const TARGETS = { load: 0.4, change: 0.01, add: 2 } as const

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    services: { type: 'string', default: '10000' },
    endpoints: { type: 'string', default: '5' },
    json: { type: 'string' },
    // Used by the benchmark itself: load once, and print the milliseconds.
    once: { type: 'boolean', default: false },
  },
})
const rounds = Number(options.rounds)
const serviceCount = Number(options.services)
const endpointCount = Number(options.endpoints)

/** A namespace with Sluice's table in it, and the connection that programs it. */
class Kernel {
  readonly netns = new BenchNetns()
  readonly connection = this.netns.run(() => NftablesConnection.open())

  async load(state: RenderedState): Promise<void> {
    const batch = new NetlinkBatch()
    await runInSlices(emitTable(batch, state))
    await this.connection.commit(batch)
  }

  async clear(state: RenderedState): Promise<void> {
    const batch = new NetlinkBatch()
    batch.addTable(state.layout.table)
    batch.deleteTable(state.layout.table)
    await this.connection.commit(batch)
  }

  /** Throws unless the table holds what it should: a benchmark of nothing would be fast. */
  async check(state: RenderedState): Promise<void> {
    const { layout, counts } = state
    const expected = [
      [layout.sets.services, counts.virtualServers],
      [layout.sets.endpoints, counts.endpoints],
    ] as const
    for (const [set, count] of expected) {
      let found = 0
      // After a big load the kernel still grows the set's hash table, and a dump meanwhile leaves elements out.
      for (let attempt = 0; attempt < READ_ATTEMPTS && found !== count; attempt++) {
        if (attempt > 0) await delay(READ_AGAIN_MS)
        const keys = new Set<string>()
        await this.connection.readElements(layout.table, set.name, (element) => keys.add(element.key.toString('hex')))
        found = keys.size
      }
      if (found !== count) throw new Error(`${set.name} has ${found} elements, not ${count}`)
    }
  }

  close(): void {
    this.connection.close()
    this.netns.close()
  }
}

const loadSamples = {
  render: new Sample(),
  encode: new Sample(),
  commit: new Sample(),
  driver: new Sample(),
  sluice: new Sample(),
  fresh: new Sample(),
  plane: new Sample(),
  nft: new Sample(),
  sluiceCpu: new Sample(),
  freshCpu: new Sample(),
  nftCpu: new Sample(),
}

/** The whole state into an empty kernel: Sluice's driver, Sluice's plane as the program runs it, and nft, in turn. */
async function benchLoad(): Promise<void> {
  const servers = virtualServers(serviceCount, endpointCount)
  const text = new TextTransaction()
  await runInSlices(emitTable(text, await firstState(servers)))
  const commands = text.toString()
  for (let round = -1; round < rounds; round++) {
    // The first round warms up: code is compiled and pages are mapped.
    const samples = round < 0 ? undefined : loadSamples
    await loadBySluice(servers, samples)
    loadByFreshProcess(samples)
    await loadByPlane(servers, samples)
    await loadByNft(servers, commands, samples)
  }
}

async function loadBySluice(servers: readonly VirtualServer[], samples?: typeof loadSamples): Promise<void> {
  const kernel = new Kernel()
  collectGarbage()
  const cpu = ownCpu()
  const start = performance.now()
  const state = await firstState(servers)
  const rendered = performance.now()
  const batch = new NetlinkBatch()
  await runInSlices(emitTable(batch, state))
  const encoded = performance.now()
  await kernel.connection.commit(batch)
  const end = performance.now()
  samples?.sluiceCpu.add(ownCpu() - cpu)
  samples?.render.add(rendered - start)
  samples?.encode.add(encoded - rendered)
  samples?.commit.add(end - encoded)
  samples?.driver.add(end - rendered)
  samples?.sluice.add(end - start)
  await kernel.check(state)
  await kernel.clear(state)
  kernel.close()
}

/** The same in a process that has compiled nothing yet, as at every start of the program. */
function loadByFreshProcess(samples?: typeof loadSamples): void {
  const [script = '', ...args] = process.argv.slice(1)
  const { stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, script, ...args, '--once'], {
    encoding: 'utf8',
  })
  const [time, cpu] = stdout.split(' ').map(Number)
  if (time === undefined || cpu === undefined) throw new Error(`the fresh process failed: ${stderr}`)
  samples?.fresh.add(time)
  samples?.freshCpu.add(cpu)
}

async function loadByPlane(servers: readonly VirtualServer[], samples?: typeof loadSamples): Promise<void> {
  const netns = new BenchNetns()
  const services = new Map(servers.map((server) => [server.service, [server]]))
  collectGarbage()
  const start = performance.now()
  const plane = openPlane(netns)
  await plane.apply({ services, nodeAddresses: [] })
  samples?.plane.add(performance.now() - start)
  await plane.close()
  netns.close()
}

async function loadByNft(
  servers: readonly VirtualServer[],
  commands: string,
  samples?: typeof loadSamples,
): Promise<void> {
  const kernel = new Kernel()
  collectGarbage()
  const cpu = childrenCpu()
  const start = performance.now()
  kernel.netns.nft(commands)
  samples?.nft.add(performance.now() - start)
  samples?.nftCpu.add(childrenCpu() - cpu)
  const state = await firstState(servers)
  await kernel.check(state)
  await kernel.clear(state)
  kernel.close()
}

const changeSamples = { plane: new Sample(), bare: new Sample(), nft: new Sample(), idle: new Sample() }

/** One endpoint replaced by another, among all of them; each way has a kernel of its own with the same table. */
async function benchChange(): Promise<void> {
  const servers = virtualServers(serviceCount, endpointCount)
  const planeNetns = new BenchNetns()
  const plane = openPlane(planeNetns)
  const services = new Map(servers.map((server) => [server.service, [server]]))
  await plane.apply({ services, nodeAddresses: [] })
  const [bare, nft] = [new Kernel(), new Kernel()]
  const [bareState, nftState] = [await firstState(servers), await firstState(servers)]
  await bare.load(bareState)
  await nft.load(nftState)

  let spare = serviceCount * endpointCount
  const changed = (index: number) => {
    const own = servers[index]?.pool.endpoints ?? []
    // A fresh address every time, as a new pod would have.
    const server = virtualServer(index, [...own.slice(1), endpoint(spare++)])
    servers[index] = server
    return server
  }
  for (let round = -2; round < rounds * 3; round++) {
    const samples = round < 0 ? undefined : changeSamples
    for (let i = 0; i < CHANGES_A_ROUND; i++) {
      const server = changed((round + 2) * CHANGES_A_ROUND + i)
      const start = performance.now()
      await plane.apply({ services: new Map([[server.service, [server]]]), nodeAddresses: undefined })
      samples?.plane.add(performance.now() - start)

      const changes = bareState.update(winnersOf([server]))
      expectOperations(changes.removed.length + changes.added.length)
      const bareStart = performance.now()
      const batch = new NetlinkBatch()
      emitChanges(batch, bareState.layout, changes)
      await bare.connection.commit(batch)
      samples?.bare.add(performance.now() - bareStart)
    }
    const text = new TextTransaction()
    const changes = nftState.update(winnersOf([changed(serviceCount - 1)]))
    expectOperations(changes.removed.length + changes.added.length)
    emitChanges(text, nftState.layout, changes)
    const commands = text.toString()
    const nftStart = performance.now()
    nft.netns.nft(commands)
    samples?.nft.add(performance.now() - nftStart)
    const idleStart = performance.now()
    nft.netns.nft('')
    samples?.idle.add(performance.now() - idleStart)
  }
  if (plane.counts().driftRepaired > 0) throw new Error('the plane took its own changes for drift')
  await plane.close()
  planeNetns.close()
  await bare.check(bareState)
  await nft.check(nftState)
  bare.close()
  nft.close()
}

const addSamples = { few: new Sample(), many: new Sample() }

/** One Service added to a table with few and to one with many: the commit alone, in turn. */
async function benchAdd(): Promise<void> {
  const tables = await Promise.all(
    (
      [
        ['few', FEW_SERVICES],
        ['many', MANY_SERVICES],
      ] as const
    ).map(async ([name, services]) => {
      const kernel = new Kernel()
      const state = await firstState(virtualServers(services, endpointCount))
      await kernel.load(state)
      return { kernel, state, samples: addSamples[name] }
    }),
  )
  // Behind all that are there.
  const index = MANY_SERVICES + 1
  const endpoints = Array.from({ length: endpointCount }, (_, i) => endpoint(index * endpointCount + i))
  const added = winnersOf([virtualServer(index, endpoints)])
  const gone = new Map([...added.keys()].map((key) => [key, undefined]))
  for (let round = -20; round < rounds * CHANGES_A_ROUND; round++) {
    for (const { kernel, state, samples } of tables) {
      const batch = new NetlinkBatch()
      emitChanges(batch, state.layout, state.update(added))
      const start = performance.now()
      await kernel.connection.commit(batch)
      if (round >= 0) samples.add(performance.now() - start)
      const undo = new NetlinkBatch()
      emitChanges(undo, state.layout, state.update(gone))
      await kernel.connection.commit(undo)
    }
  }
  for (const { kernel } of tables) kernel.close()
}

function expectOperations(count: number): void {
  if (count !== 2) throw new Error(`a replaced endpoint made ${count} element operations`)
}

function report(): void {
  const { render, encode, commit, driver, sluice, fresh, plane, nft } = loadSamples
  const row = (name: string, sample: Sample, base?: Sample) => [
    name,
    ...spread(sample),
    base === undefined ? '' : digits(sample.median / base.median),
  ]
  printTable(
    `Load ${serviceCount} Services x ${endpointCount} endpoints, ${rounds} rounds in turn (ms)`,
    ['', ...SPREAD_HEADINGS, 'ratio'],
    [
      row('nft -f -', nft, nft),
      row("Sluice's driver, elements to acknowledgement", driver, nft),
      row('  encoded', encode),
      row('  committed', commit, nft),
      row('with the rendering, virtual servers to acknowledgement', sluice, nft),
      row('  rendered', render),
      row('  by a process that has just started', fresh, nft),
      row('the whole plane: reads back first, both families', plane, nft),
    ],
  )
  const { sluiceCpu, freshCpu, nftCpu } = loadSamples
  printTable(
    'The same load in CPU time, which other processes do not disturb (ms)',
    ['', ...SPREAD_HEADINGS, 'ratio'],
    [
      row('nft -f -', nftCpu, nftCpu),
      row('Sluice, with its collector and compiler threads', sluiceCpu, nftCpu),
      row('  by a process that has just started', freshCpu, nftCpu),
    ],
  )
  printTable(
    `Replace one endpoint of ${serviceCount * endpointCount} (ms)`,
    ['', ...SPREAD_HEADINGS, 'ratio'],
    [
      row('nft -f -, two element operations', changeSamples.nft, changeSamples.nft),
      row('  an nft process that does nothing', changeSamples.idle, changeSamples.nft),
      row('Sluice, apply() of the changed Service', changeSamples.plane, changeSamples.nft),
      row('  the transaction alone: encode and commit', changeSamples.bare, changeSamples.nft),
    ],
  )
  printTable(
    `Add a Service of ${endpointCount} endpoints: the commit (ms)`,
    ['', ...SPREAD_HEADINGS, 'ratio'],
    [
      row(`among ${FEW_SERVICES}`, addSamples.few, addSamples.few),
      row(`among ${MANY_SERVICES}`, addSamples.many, addSamples.few),
    ],
  )
  const target = (name: string, ratio: number, limit: number) => [
    name,
    digits(ratio),
    `<= ${limit}`,
    ratio <= limit ? 'met' : 'MISSED',
  ]
  printTable(
    'Targets',
    ['', 'ratio', 'target', ''],
    [
      target('load by the driver / nft', driver.median / nft.median, TARGETS.load),
      target('one endpoint: apply() / nft', changeSamples.plane.median / changeSamples.nft.median, TARGETS.change),
      target(
        `add: among ${MANY_SERVICES} / ${FEW_SERVICES}`,
        addSamples.many.median / addSamples.few.median,
        TARGETS.add,
      ),
    ],
  )
}

await inOwnNetns(async () => {
  if (options.once) {
    await loadBySluice(virtualServers(serviceCount, endpointCount), loadSamples)
    console.log(`${loadSamples.sluice.median} ${loadSamples.sluiceCpu.median}`)
    return
  }
  warnOfListeners()
  await benchLoad()
  await benchChange()
  await benchAdd()
  report()
  if (options.json === undefined) return
  const result = { rounds, serviceCount, endpointCount, load: loadSamples, change: changeSamples, add: addSamples }
  writeFileSync(options.json, `${JSON.stringify(result, undefined, 2)}\n`)
})
