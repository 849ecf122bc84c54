import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { linearFit } from '../../bench/support/linear-fit.ts'
import { memoryOf } from '../../bench/support/memory.ts'
import { Sample } from '../../bench/support/statistics.ts'
import { NftablesConnection } from '../../src/kernel/nftables/connection.ts'
import { ipFromBytes } from '../../src/model/ip.ts'
import { ApiServerProcess } from '../apiserver/api-server-process.ts'
import { type ClusterSize, LOAD_NODE } from '../apiserver/load.ts'
import { Lab, type LabNode, now, until } from '../lab/index.ts'
import { meaningsFromScratch, meaningsIn } from '../property/from-scratch.ts'
import { Instance } from '../sluice/instance.ts'
import type { Manifest } from '../sluice/manifests.ts'

export interface SoakOptions {
  readonly minutes: number
  readonly size: ClusterSize
  /** Changes of EndpointSlices. */
  readonly perSecond: number
  /** As `--min-sync-period` takes it. */
  readonly minSyncPeriod: string
}

/** Milliseconds from an event to its element in the kernel. */
interface Latency {
  readonly samples: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

export interface SoakReport extends SoakOptions {
  readonly changes: number
  readonly transactions: number
  /** Lists after the first ones: there is no reason for any. */
  readonly lists: number
  /** The kernel does in the end what it does when the objects are programmed at once. */
  readonly isComplete: boolean
  readonly latency: Latency
  /** Resident, in MB. */
  readonly memory: {
    readonly start: number
    readonly end: number
    readonly peak: number
    /** After the first quarter, in which memory fills. */
    readonly slopePerHour: number
    readonly slopeStandardError: number
    /** [minutes, MB] */
    readonly points: readonly (readonly [number, number])[]
  }
}

const CLUSTER_CIDR = '10.244.0.0/16,fd00:244::/32'
const TABLE = { family: 'ip6', name: 'sluice' } as const
const SEEN_MS = 60_000
/** A sample every so often, at random, so that marks keep no step with Sluice's periods. */
const MARK_EVERY_MS = 1000
const MEMORY_EVERY_MS = 1000
/** The clock of the samples. */
const LOOK_EVERY_MS = 1

/** Runs Sluice against an API server whose EndpointSlices change all the time, and looks at what comes of it. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { minutes, size, perSecond, minSyncPeriod } = options
  await using lab = await Lab.create()
  const node = await lab.node(LOAD_NODE, { addresses: ['192.168.50.11/24', 'fd00:192:168:50::11/64'] })
  const api = await ApiServerProcess.start(node, { size, streamingLists: 'offered' })
  const args = ['--node-name', LOAD_NODE, '--cluster-cidr', CLUSTER_CIDR, '--min-sync-period', minSyncPeriod]
  const sluice = await Instance.start(node, { source: ['kube', '--server', api.url], args, timeoutMs: 120_000 })
  const connection = node.inNamespace(() => NftablesConnection.open())
  try {
    const lists = await listsOf(api)
    const before = (await sluice.status()).counts.transactions
    await api.churn(perSecond)
    const [latency, memory] = await Promise.all([
      watchLatency(api, connection, minutes),
      watchMemory(sluice.process.pid ?? 0, minutes),
    ])
    const { objects, changes } = await rest(api)
    const isComplete = await comesTo(node, objects)
    const { counts } = await sluice.status()
    return {
      ...options,
      changes,
      transactions: counts.transactions - before,
      lists: (await listsOf(api)) - lists,
      isComplete,
      latency,
      memory,
    }
  } finally {
    connection.close()
    await sluice.dispose()
    await api.close()
  }
}

async function listsOf(api: ApiServerProcess): Promise<number> {
  const traffic = await api.traffic()
  return traffic.filter(({ verb, query }) => verb === 'list' || query.includes('sendInitialEvents=true')).length
}

async function watchLatency(api: ApiServerProcess, connection: NftablesConnection, minutes: number): Promise<Latency> {
  const sample = new Sample()
  const end = now() + minutes * 60_000
  while (now() < end) {
    await delay(MARK_EVERY_MS * Math.random() * 2)
    const { address, at } = await api.mark()
    const isSeen = async () => (await markedAddress(connection)) === address
    await until(isSeen, { timeoutMs: SEEN_MS, everyMs: LOOK_EVERY_MS, what: `the endpoint ${address} in the kernel` })
    sample.add(Number(process.hrtime.bigint() - at) / 1e6)
  }
  return {
    samples: sample.count,
    p50: sample.quantile(0.5),
    p90: sample.quantile(0.9),
    p99: sample.quantile(0.99),
    max: sample.quantile(1),
  }
}

/** The table of IPv6 holds this one endpoint: to read it costs nearly nothing, and no listener makes commits dearer. */
async function markedAddress(connection: NftablesConnection): Promise<string> {
  const addresses: string[] = []
  await connection
    .readElements(TABLE, 'endpoints', ({ data }) => {
      if (Buffer.isBuffer(data)) addresses.push(ipFromBytes(data.subarray(0, -4)))
    })
    // It changed while it was read.
    .catch(() => undefined)
  return addresses.join()
}

async function watchMemory(pid: number, minutes: number): Promise<SoakReport['memory']> {
  const points: (readonly [number, number])[] = []
  const start = now()
  for (let minute = 0; minute < minutes; minute = (now() - start) / 60_000) {
    points.push([minute, memoryOf(pid).resident])
    await delay(MEMORY_EVERY_MS)
  }
  const warm = points.filter(([minute]) => minute >= minutes / 4)
  const { slope, standardError } = linearFit(warm.map(([minute, megabytes]) => [minute / 60, megabytes]))
  return {
    start: points[0]?.[1] ?? Number.NaN,
    end: points.at(-1)?.[1] ?? Number.NaN,
    peak: memoryOf(pid).peak,
    slopePerHour: slope,
    slopeStandardError: standardError,
    points,
  }
}

async function rest(api: ApiServerProcess): Promise<{ objects: Manifest[]; changes: number }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-soak-'))
  try {
    const file = path.join(folder, 'objects.json')
    const changes = await api.rest(file)
    return { objects: JSON.parse(readFileSync(file, 'utf8')) as Manifest[], changes }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Whether the kernel comes to do what it does when these objects are programmed at once. */
async function comesTo(node: LabNode, objects: readonly Manifest[]): Promise<boolean> {
  const expected = await meaningsFromScratch(objects, CLUSTER_CIDR.split(','))
  const isSame = async () => isDeepStrictEqual(await meaningsIn(node).catch(() => undefined), expected)
  return until(isSame, { timeoutMs: SEEN_MS, everyMs: 100, what: 'the state of the API server in the kernel' }).then(
    () => true,
    () => false,
  )
}
