// The experiment behind ADR 1: ways of holding Services in nftables, side by side in one run.
// Run by `npm run bench -- layouts`, or directly. Options: --rounds N, --sizes 1000,10000, --json FILE.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { NetlinkBatch } from '../src/kernel/nftables/batch.ts'
import type { VirtualServer } from '../src/virtual-server/virtual-server.ts'
import { reachable, SERVER_PORT, TestBed } from './layouts/bed.ts'
import { type Candidate, tableText } from './layouts/candidate.ts'
import { DataOnly } from './layouts/data-only.ts'
import { Draft } from './layouts/draft.ts'
import { Ours } from './layouts/ours.ts'
import { countDraws } from './layouts/spread.ts'
import { emptyNat } from './peers/lab.ts'
import { BenchNetns, inOwnNetns } from './support/netns.ts'
import { warnOfListeners } from './support/quiet.ts'
import { endpoint, virtualServer, virtualServers } from './support/services.ts'
import { chiSquare, chiSquareCritical, digits, Sample, SPREAD_HEADINGS, spread } from './support/statistics.ts'
import { printTable } from './support/table.ts'

const ENDPOINTS = 5
/** Sizes of the table to which Services are added. */
const CHANGE_SIZES = [10, 1000, 50_000]
const CONNECTS = 500
const DRAWS = 20_000
const POOL_SIZES = [5, 40, 41, 1000]

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    sizes: { type: 'string', default: '1000,10000' },
    json: { type: 'string' },
  },
})
const rounds = Number(options.rounds)
const sizes = options.sizes.split(',').map(Number)
const results: Record<string, unknown> = {}

const candidates = (): Candidate[] => [new Draft(), new DataOnly(), new Ours(4), new Ours(6)]

/** Services of which the last one can be reached. */
function servers(count: number, candidate: Candidate): VirtualServer[] {
  const all = virtualServers(count, ENDPOINTS, candidate.family)
  const last = virtualServer(
    count - 1,
    Array.from({ length: ENDPOINTS }, (_, i) => reachable(i, candidate.family)),
    candidate.family,
  )
  return [...all.slice(0, -1), last]
}

/** The whole table by an nft process, and the elements by Sluice's driver. */
async function benchLoad(count: number): Promise<void> {
  const rows = await Promise.all(
    candidates().map(async (candidate) => ({
      candidate,
      text: await tableText(candidate, servers(count, candidate)),
      nft: new Sample(),
      driver: new Sample(),
    })),
  )
  for (let round = 0; round < Math.ceil(rounds / 3); round++) {
    for (const { candidate, text, nft, driver } of rows) {
      const netns = new BenchNetns()
      nft.time(() => {
        netns.nft(text)
      })
      netns.close()
      const bed = new TestBed()
      bed.node.nft(await candidate.structure())
      const batch = new NetlinkBatch()
      await candidate.fill(batch, servers(count, candidate))
      await driver.timeAsync(() => bed.connection.commit(batch))
      bed.close()
    }
  }
  for (const [title, pick] of [
    ['the table by nft -f', 'nft'],
    ['the elements by netlink, the commit', 'driver'],
  ] as const) {
    printTable(
      `Load ${count} Services x ${ENDPOINTS} endpoints: ${title} (ms)`,
      ['', ...SPREAD_HEADINGS],
      rows.map((row) => [row.candidate.name, ...spread(row[pick])]),
    )
  }
  results[`load ${count}`] = rows.map(({ candidate, nft, driver }) => ({ name: candidate.name, nft, driver }))
}

interface Path {
  readonly name: string
  readonly bed: TestBed
  readonly address: string
  readonly port: number
  /** The row of which this one's ratio is taken. */
  readonly base: string
  /** Median of each round, microseconds. */
  readonly medians: number[]
  readonly ratios: number[]
}

const FLOOR = {
  4: 'empty nat chains, straight to the server',
  6: 'empty nat chains, straight to the server, IPv6',
} as const

/** How long connect() takes through the last Service, and past all of them. */
async function benchConnect(count: number): Promise<void> {
  const paths: Path[] = []
  const add = (name: string, bed: TestBed, address: string, port: number, base: string) =>
    paths.push({ name, bed, address, port, base, medians: [], ratios: [] })
  const floor = new TestBed()
  for (const family of [4, 6] as const) {
    floor.node.nft(emptyNat(family))
    add(FLOOR[family], floor, reachable(0, family).address, SERVER_PORT, FLOOR[family])
  }
  const one = new TestBed()
  one.node.nft(
    `${emptyNat(4)}\nadd rule ip floor prerouting ip daddr 10.96.0.1 tcp dport 80 dnat to ${reachable(0, 4).address}:${SERVER_PORT}`,
  )
  add('one rule for one Service', one, '10.96.0.1', 80, FLOOR[4])
  for (const candidate of candidates()) {
    const bed = new TestBed()
    const all = servers(count, candidate)
    bed.node.nft(await tableText(candidate, all))
    const { address = '', port } = all.at(-1) ?? {}
    if (port === undefined) throw new TypeError('there are no Services')
    add(`${candidate.name}: the last Service`, bed, address, port, FLOOR[candidate.family])
    add(
      `${candidate.name}: past all Services`,
      bed,
      reachable(0, candidate.family).address,
      SERVER_PORT,
      FLOOR[candidate.family],
    )
  }
  for (let round = -1; round < rounds; round++) {
    const medians = new Map<string, number>()
    for (const { name, bed, address, port } of paths) {
      const times = bed.listener.timeConnects(bed.client, { address, port }, CONNECTS)
      medians.set(name, times.toSorted((a, b) => a - b)[CONNECTS >> 1] ?? NaN)
    }
    if (round < 0) continue
    for (const path of paths) {
      const own = medians.get(path.name) ?? NaN
      path.medians.push(own)
      path.ratios.push(own / (medians.get(path.base) ?? NaN))
    }
  }
  const sample = (values: readonly number[]) => {
    const all = new Sample()
    for (const value of values) all.add(value)
    return all
  }
  printTable(
    `connect() among ${count} Services, ${rounds} rounds of ${CONNECTS}: medians of rounds (us), and ratio to empty nat chains in the same round`,
    ['', 'median', 'quartiles', 'min .. max', 'n', 'ratio', 'its quartiles'],
    paths.map(({ name, medians, ratios }) => {
      const ratio = sample(ratios)
      return [
        name,
        ...spread(sample(medians)),
        digits(ratio.median),
        `${digits(ratio.quantile(0.25))} .. ${digits(ratio.quantile(0.75))}`,
      ]
    }),
  )
  results[`connect ${count}`] = paths.map(({ name, medians, ratios }) => ({
    name,
    us: sample(medians),
    ratio: sample(ratios),
  }))
  for (const bed of new Set(paths.map((path) => path.bed))) bed.close()
}

const CHANGES = ['add a Service', 'delete it', 'replace an endpoint', 'pool 5 to 6', 'pool 6 to 5'] as const

/** Single changes by netlink: the commit alone. */
async function benchChanges(count: number): Promise<void> {
  const rows = await Promise.all(
    candidates().map(async (candidate) => {
      const bed = new TestBed()
      bed.node.nft(await candidate.structure())
      const batch = new NetlinkBatch()
      await candidate.fill(batch, virtualServers(count, ENDPOINTS, candidate.family))
      await bed.connection.commit(batch)
      return { candidate, bed, samples: new Map(CHANGES.map((change) => [change, new Sample()])) }
    }),
  )
  const pool = (n: number, family: 4 | 6) => Array.from({ length: n }, (_, i) => endpoint(900_000 + i, family))
  for (let round = -5; round < rounds * 5; round++) {
    for (const { candidate, bed, samples } of rows) {
      const { family } = candidate
      const five = virtualServer(60_000, pool(5, family), family)
      const replaced = virtualServer(60_000, [...pool(4, family), endpoint(900_100, family)], family)
      const six = virtualServer(60_000, [...replaced.pool.endpoints, endpoint(900_101, family)], family)
      const steps = [
        ['add a Service', undefined, five],
        ['replace an endpoint', five, replaced],
        ['pool 5 to 6', replaced, six],
        ['pool 6 to 5', six, replaced],
        ['delete it', replaced, undefined],
      ] as const
      for (const [change, before, after] of steps) {
        const batch = new NetlinkBatch()
        candidate.change(batch, before, after)
        const start = performance.now()
        await bed.connection.commit(batch)
        if (round >= 0) samples.get(change)?.add(performance.now() - start)
      }
    }
  }
  printTable(
    `One change among ${count} Services: the commit (ms), median of ${rounds * 5}, and third quartile`,
    ['', ...CHANGES],
    rows.map(({ candidate, samples }) => [
      candidate.name,
      ...[...samples.values()].map((sample) => `${digits(sample.median)} (${digits(sample.quantile(0.75))})`),
    ]),
  )
  results[`changes ${count}`] = rows.map(({ candidate, samples }) => ({
    name: candidate.name,
    ...Object.fromEntries(samples),
  }))
  for (const { bed } of rows) bed.close()
}

/** How evenly real UDP packets are spread over a pool. */
async function benchSpread(): Promise<void> {
  const rows: string[][] = []
  for (const family of [4, 6] as const) {
    for (const size of POOL_SIZES) {
      for (let run = 1; run <= 3; run++) {
        const counts = await countDraws(new Ours(family), size, DRAWS)
        const total = counts.reduce((sum, n) => sum + n, 0)
        const value = chiSquare(counts)
        const critical = chiSquareCritical(size - 1)
        const extremes = `${Math.min(...counts)} .. ${Math.max(...counts)}`
        rows.push([
          `IPv${family}, ${size} endpoints`,
          String(total),
          extremes,
          digits(value),
          digits(critical),
          value <= critical ? 'even' : 'above',
        ])
      }
    }
  }
  printTable(
    `Spread of ${DRAWS} UDP connections in Sluice's layout (one honest run in twenty is above)`,
    ['', 'arrived', 'least .. most', 'chi-square', '5% critical', ''],
    rows,
  )
  results['spread'] = rows
}

/** Whether nft can print the table, and load what it printed. */
async function benchListing(): Promise<void> {
  const rows: string[][] = []
  const errors: string[] = []
  for (const candidate of candidates()) {
    const [first, second] = [new BenchNetns(), new BenchNetns()]
    first.nft(await tableText(candidate, servers(1000, candidate)))
    const listed = first.nftResult(['list', 'ruleset'])
    const loaded = second.nftResult(['-f', '-'], listed.stdout)
    const again = second.nftResult(['list', 'ruleset'])
    const same = canonical(listed.stdout) === canonical(again.stdout)
    rows.push([candidate.name, String(listed.code), String(loaded.code), same ? 'identical' : 'differs'])
    if (loaded.code !== 0) errors.push(`${candidate.name}: ${loaded.stderr.split('\n')[0] ?? ''}`)
    first.close()
    second.close()
  }
  printTable('nft list ruleset, loaded again: exit codes', ['', 'list', 'reload', 'listing'], rows)
  for (const error of errors) console.log(error)
  results['listing'] = rows
}

/** The kernel keeps elements in no order: sorted, two listings can be compared. */
function canonical(listing: string): string {
  return listing
    .split(/[\n,]/)
    .map((part) =>
      part
        .trim()
        .replace(/^elements = \{ /, '')
        .replace(/ \}$/, ''),
    )
    .sort()
    .join('\n')
}

await inOwnNetns(async () => {
  warnOfListeners()
  for (const size of sizes) await benchLoad(size)
  for (const size of sizes) await benchConnect(size)
  for (const size of CHANGE_SIZES) await benchChanges(size)
  await benchSpread()
  await benchListing()
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, undefined, 2)}\n`)
})
