// Sluice and its peers side by side: the same Services, in one run and between the same client and server. Run by
// `npm run bench`, which then writes docs/benchmarks.md; with `--quick` it is a smoke test of five minutes and writes nothing
// there. SLUICE_BENCH_KUBE_PROXY and SLUICE_BENCH_KPNG name binaries that are run whole, too.
// A full run takes hours: `--continue` goes on with one that was interrupted, size by size.
// Options: --quick, --continue, --services N,N, --endpoints N,N, --families 4,6, --rounds N, --bound SECONDS, --output FOLDER,
// --note TEXT (what a reader of the report has to know of this run).
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { Family } from '../src/model/ip.ts'
import { liveProxies } from './peers/live.ts'
import { describeMachine } from './peers/machine.ts'
import { measureLifecycles } from './peers/measures/lifecycle.ts'
import type { Cell, Results } from './peers/results.ts'
import { type CellOptions, runCell } from './peers/run-cell.ts'
import { writeReport } from './report/write.ts'
import { inOwnNetns } from './support/netns.ts'
import { warnOfListeners } from './support/quiet.ts'

const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    continue: { type: 'boolean', default: false },
    services: { type: 'string' },
    endpoints: { type: 'string' },
    families: { type: 'string' },
    rounds: { type: 'string' },
    bound: { type: 'string' },
    output: { type: 'string' },
    note: { type: 'string' },
  },
})

/** What is left out on the command line. */
const DEFAULTS = {
  full: { services: '100,1000,5000,10000,50000', endpoints: '5,1,50', families: '4,6', rounds: '3', bound: '120' },
  quick: { services: '100,1000', endpoints: '5', families: '4,6', rounds: '2', bound: '5' },
} as const

/** So many Services of each size are created and deleted in each round. */
const LIFECYCLES_A_ROUND = 4

/** How much is measured in each cell. */
const EFFORT = {
  full: { connects: 300, connectRounds: 15, changes: 2000, changesMs: 800, throughputMs: 200, heapChanges: 10_000 },
  quick: { connects: 100, connectRounds: 3, changes: 20, changesMs: 200, throughputMs: 50, heapChanges: 0 },
} as const

await inOwnNetns(async () => {
  warnOfListeners()
  const kind = given.quick ? 'quick' : 'full'
  const chosen = { ...DEFAULTS[kind], ...given }
  const numbers = (text: string) => text.split(',').map(Number)
  const options = {
    services: numbers(chosen.services),
    endpoints: numbers(chosen.endpoints),
    families: numbers(chosen.families) as Family[],
    rounds: Number(chosen.rounds),
    boundSeconds: Number(chosen.bound),
  }
  const folder = given.output ?? (given.quick ? mkdtempSync(path.join(tmpdir(), 'sluice-bench-')) : 'docs/benchmarks')
  const versions = Object.fromEntries(liveProxies().map(({ name, version }) => [name, version]))
  const file = path.join(folder, 'results.json')
  const results: Results = given.continue
    ? (JSON.parse(readFileSync(file, 'utf8')) as Results)
    : {
        format: 1,
        isQuick: given.quick,
        startedAt: new Date().toISOString(),
        minutes: 0,
        machine: describeMachine(versions),
        options,
        cells: [],
        lifecycles: [],
      }
  if (given.note !== undefined) results.note = given.note
  const { cells, lifecycles } = results
  const start = performance.now() - results.minutes * 60_000
  mkdirSync(folder, { recursive: true })
  if (lifecycles.length === 0) lifecycles.push(...(await measureLifecycles(options.rounds * LIFECYCLES_A_ROUND)))
  for (const endpoints of options.endpoints) {
    for (const family of options.families) {
      for (const services of options.services) {
        const leftOut = unfinished(cells, { services, endpoints, family })
        const size: CellOptions = {
          ...{ services, endpoints, family, leftOut, rounds: options.rounds, boundMs: options.boundSeconds * 1000 },
          ...EFFORT[kind],
        }
        if (cells.some((cell) => isOfSize(cell, size))) continue
        const made = await runCell(size)
        for (const cell of made) print(cell)
        cells.push(...made)
        results.minutes = Math.round((performance.now() - start) / 6000) / 10
        // After each size, so that a run that is interrupted has not been for nothing.
        writeFileSync(file, `${JSON.stringify(results)}\n`)
      }
    }
  }
  await writeReport(results, folder)
  console.log(`\n${cells.length} cells in ${results.minutes} minutes; results and report are in ${folder}`)
})

type Size = Pick<CellOptions, 'services' | 'endpoints' | 'family'>

/** Who does not finish is not tried with more Services. */
function unfinished(cells: readonly Cell[], { services, endpoints, family }: Size): Set<string> {
  const failed = cells.filter((cell) => {
    return (
      cell.problem !== '' && isOfSize(cell, { services: cell.services, endpoints, family }) && cell.services < services
    )
  })
  return new Set(failed.map(({ peer }) => peer))
}

function isOfSize(cell: Cell, size: Size): boolean {
  return cell.services === size.services && cell.endpoints === size.endpoints && cell.family === size.family
}

function print({ peer, services, endpoints, family, load, problem }: Cell): void {
  const size = `IPv${family} ${services} x ${endpoints}`.padEnd(18)
  const time = load === undefined || load.length === 0 ? '' : `${load.join(', ')} ms`
  console.log(`${size} ${peer.padEnd(34)} ${[time, problem].filter((text) => text !== '').join('; ')}`)
}
