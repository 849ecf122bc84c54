import type { Family } from '../../src/model/ip.ts'
import { collectGarbage } from '../support/quiet.ts'
import { virtualServers } from '../support/services.ts'
import { loadInNewProcess } from './cold.ts'
import { kernelMemory } from './kernel-memory.ts'
import { type NodePath, PeerLab, SERVER_PORT } from './lab.ts'
import { type LiveProxy, liveProxies } from './live.ts'
import { ChangeMaker } from './measures/changes.ts'
import { type ConnectTarget, inTurn, measureConnects, measureThroughput } from './measures/connects.ts'
import { measureHeap } from './measures/heap.ts'
import { measureLive } from './measures/live.ts'
import { measurePropagation } from './measures/propagation.ts'
import type { Peer } from './peer.ts'
import { FLOORS, PEERS } from './peers.ts'
import { type Cell, CHANGE_KINDS, type ChangeKind, rounded, summaryOf } from './results.ts'
import { rulesetSize } from './ruleset.ts'
import { SluicePeer } from './sluice-peer.ts'

/** How much of everything. */
export interface CellOptions {
  readonly services: number
  readonly endpoints: number
  readonly family: Family
  readonly rounds: number
  /** Longest time that one load or change may take, and after which a peer's loads are not repeated. */
  readonly boundMs: number
  /** connect() calls to one Service in each round. */
  readonly connects: number
  readonly connectRounds: number
  /** Of each kind, for a peer that is quick; others make as many as fit {@link changesMs}, at least one. */
  readonly changes: number
  readonly changesMs: number
  readonly throughputMs: number
  /** Changes after which the heap is looked at; 0 does not. */
  readonly heapChanges: number
  /** Names of peers that are not tried: they did not finish with fewer Services. */
  readonly leftOut: ReadonlySet<string>
}

/** Endpoints that are all changed before the heap is looked at. */
const MOST_FOR_HEAP = 50_000

/** One peer in the middle of a cell. */
interface Runner {
  readonly peer: Peer
  readonly path: NodePath
  readonly cell: Cell
  readonly changes: ChangeMaker
}

/** Measures everybody at one size. @returns one cell for each peer, also for those that failed. */
export async function runCell(options: CellOptions): Promise<Cell[]> {
  const { services, endpoints, family, leftOut } = options
  const cellOf = (peer: string, problem = ''): Cell => ({ peer, services, endpoints, family, problem })
  const lab = new PeerLab()
  const runners = PEERS.filter(({ name }) => !leftOut.has(name)).map(({ name, make }): Runner => {
    const path = lab.addPath()
    const peer = make(name, path.node, family)
    return { peer, path, cell: cellOf(name), changes: new ChangeMaker(services, endpoints) }
  })
  const floors = FLOORS.map(({ name, rules }) => {
    const path = lab.addPath()
    path.node.nft(rules(family))
    return { path, cell: cellOf(name) }
  })
  const live = liveProxies()
    .filter(({ name }) => !leftOut.has(name))
    .map((proxy) => ({ proxy, cell: cellOf(proxy.name) }))
  try {
    await load(runners, options)
    await loadCold(runners, options)
    await check(lab, runners, 'after the load')
    await countRulesets(runners, options)
    await connectAndSend(lab, runners, floors, options)
    await change(runners, options)
    await check(lab, runners, 'after the changes')
    // What changes that broke something took is no figure.
    for (const { cell } of runners) if (cell.problem.startsWith('wrong')) delete cell.changes
    for (const runner of working(runners)) {
      await attempt(runner, async () => {
        const { path, peer, cell } = runner
        const changes = options.rounds
        // What Sluice's own process takes is measured below, with its source.
        if (!(peer instanceof SluicePeer)) await measurePropagation(lab, path, peer, cell, { ...options, changes })
        else if (options.heapChanges > 0 && options.services * options.endpoints <= MOST_FOR_HEAP)
          cell.heap = await measureHeap(peer, runner.changes, options.heapChanges)
      })
    }
    for (const { peer } of runners) await peer.close()
    for (const each of live) await attempt(each, async () => runLive(lab, each.proxy, each.cell, options))
  } finally {
    for (const { peer } of runners) await peer.close()
    lab.close()
  }
  return [...runners, ...floors, ...live].map(({ cell }) => cell).concat(leftOutCells(options, cellOf))
}

function leftOutCells({ leftOut }: CellOptions, cellOf: (peer: string, problem: string) => Cell): Cell[] {
  return [...leftOut].map((name) => cellOf(name, 'not tried: it did not finish with fewer Services'))
}

async function runLive(lab: PeerLab, proxy: LiveProxy, cell: Cell, { boundMs, rounds }: CellOptions): Promise<void> {
  await measureLive(lab, lab.addPath(), proxy, cell, { boundMs, changes: rounds })
}

/** All peers in turn, round by round; kernel memory by what each load takes and each clearing gives back. */
async function load(runners: readonly Runner[], { rounds, boundMs, services, endpoints, family }: CellOptions) {
  const servers = virtualServers(services, endpoints, family)
  for (let round = 0; round < rounds; round++) {
    for (const runner of inTurn(working(runners), round)) {
      const { cell, peer, path } = runner
      const times = (cell.load ??= [])
      if (times.reduce((sum, time) => sum + time, 0) > boundMs) continue
      await attempt(runner, async () => {
        const bytes = (cell.kernelBytes ??= [])
        if (round > 0) {
          await peer.close()
          const full = await kernelMemory()
          path.node.nft('flush ruleset')
          bytes.push(full - (await kernelMemory()))
        }
        collectGarbage()
        const empty = await kernelMemory()
        times.push(rounded(await peer.load(servers, boundMs)))
        ;(cell.loadCpu ??= []).push(rounded(peer.loadCpu))
        bytes.push((await kernelMemory()) - empty)
        cell.processBytes = Math.max(cell.processBytes ?? 0, peer.programBytes)
        if (peer instanceof SluicePeer) (cell.replay ??= []).push(rounded(peer.replay()))
      })
    }
  }
}

/** Sluice's load in processes that have just started, as at every start of the program. */
async function loadCold(
  runners: readonly Runner[],
  { rounds, services, endpoints, family }: CellOptions,
): Promise<void> {
  const sluice = working(runners).find(({ peer }) => peer instanceof SluicePeer)
  if (sluice === undefined) return
  await attempt(sluice, async () => {
    const times = (sluice.cell.coldLoad ??= [])
    for (let round = 0; round < rounds; round++) times.push(rounded(loadInNewProcess({ services, endpoints, family })))
  })
}

/** A peer that is fast because it does nothing must not win: the first and the last Service have to answer. */
async function check(lab: PeerLab, runners: readonly Runner[], when: string): Promise<void> {
  for (const runner of working(runners)) {
    await attempt(runner, async () => {
      const { servers } = runner.peer
      for (const server of [servers.at(0), servers.at(-1)]) {
        const address = server?.address ?? ''
        const wanted = new Set<string | undefined>(server?.pool.endpoints.map((endpoint) => endpoint.address))
        const through = lab.through(runner.path, address, server?.port ?? 0)
        const time = await lab.listener.reaches(lab.client, through, (reached) => wanted.has(reached), CHECK_MS)
        if (time === undefined) throw new Error(`wrong ${when}: ${address} leads to no endpoint of its Service`)
      }
    })
  }
}

const CHECK_MS = 2000

async function countRulesets(runners: readonly Runner[], { services, endpoints }: CellOptions): Promise<void> {
  for (const runner of working(runners)) {
    await attempt(runner, async () => {
      runner.cell.ruleset = await rulesetSize(runner.path.node, services * (endpoints + 2))
    })
  }
}

async function connectAndSend(
  lab: PeerLab,
  runners: readonly Runner[],
  floors: readonly { path: NodePath; cell: Cell }[],
  { connects, connectRounds, throughputMs, rounds, family }: CellOptions,
): Promise<void> {
  const reachable = virtualServers(1, 1, family)[0]?.pool.endpoints[0]?.address ?? ''
  const all = [
    ...working(runners).map((runner) => ({ cell: runner.cell, ends: targetsOf(runner) })),
    ...floors.map(({ path, cell }) => {
      const end: ConnectTarget = { path, address: reachable, port: SERVER_PORT }
      return { cell, ends: [end, end] as const }
    }),
  ]
  collectGarbage()
  const found = measureConnects(lab, [...new Set(all.flatMap(({ ends }) => [...ends]))], {
    rounds: connectRounds,
    connects,
  })
  const lasts = all.map(({ ends }) => ends[1])
  const sent = measureThroughput(lab, lasts, { rounds, milliseconds: throughputMs })
  for (const { cell, ends } of all) {
    const [first, last] = [found.get(ends[0]), found.get(ends[1])]
    if (first !== undefined && last !== undefined) cell.connects = { first, last }
    cell.throughput = sent.get(ends[1]) ?? []
  }
}

/** All kinds of change by all peers, interleaved; a peer that is slow makes fewer of each. */
async function change(runners: readonly Runner[], { changes, changesMs, boundMs }: CellOptions): Promise<void> {
  const samples = new Map<Runner, Map<ChangeKind, number[]>>(runners.map((runner) => [runner, new Map()]))
  for (const kind of CHANGE_KINDS) {
    const spent = new Map<Runner, number>()
    for (let round = 0; round < changes; round++) {
      for (const runner of working(runners)) {
        if (!runner.changes.isPossible(kind)) continue
        const ofRunner = samples.get(runner)
        const times = ofRunner?.get(kind) ?? []
        ofRunner?.set(kind, times)
        // The many are like a load, and need no percentiles.
        const budget = kind === '1,000 Services changed' && round > 2 ? 0 : changesMs
        if (times.length > 0 && (spent.get(runner) ?? 0) > budget) continue
        const start = performance.now()
        await attempt(runner, async () => {
          const { change, undo } = runner.changes.make(kind, runner.peer)
          times.push(rounded(await runner.peer.prepare(change, boundMs)()))
          if (undo.length > 0) await runner.peer.prepare(undo, boundMs)()
        })
        spent.set(runner, (spent.get(runner) ?? 0) + performance.now() - start)
      }
    }
  }
  for (const [{ cell }, ofRunner] of samples) {
    const made = [...ofRunner].filter(([, times]) => times.length > 0)
    if (made.length > 0) cell.changes = Object.fromEntries(made.map(([kind, times]) => [kind, summaryOf(times)]))
  }
}

/** The first and the last Service of a peer. Made once: measurements tell targets apart by identity. */
function targetsOf(runner: Runner): readonly [ConnectTarget, ConnectTarget] {
  const known = TARGETS.get(runner)
  if (known !== undefined) return known
  const { servers } = runner.peer
  const target = (index: number): ConnectTarget => {
    const server = servers.at(index)
    if (server === undefined) throw new TypeError('there are no Services')
    return { path: runner.path, address: server.address ?? '', port: server.port }
  }
  const targets = [target(0), target(-1)] as const
  TARGETS.set(runner, targets)
  return targets
}

const TARGETS = new WeakMap<Runner, readonly [ConnectTarget, ConnectTarget]>()

function working(runners: readonly Runner[]): Runner[] {
  return runners.filter(({ cell }) => cell.problem === '')
}

/** What goes wrong with one peer is told in its cell, and is no concern of the others. */
async function attempt({ cell }: { readonly cell: Cell }, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    cell.problem = error instanceof Error ? error.message : String(error)
  }
}
