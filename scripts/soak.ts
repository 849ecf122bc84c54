// Runs Sluice for a while against an API server that never rests: `npm run soak -- [--minutes N] [--json FILE]`.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { digits } from '../bench/support/statistics.ts'
import { printTable } from '../bench/support/table.ts'
import { type SoakReport, soak } from '../test/soak/soak.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    services: { type: 'string', default: '5000' },
    endpoints: { type: 'string', default: '10' },
    'per-second': { type: 'string', default: '200' },
    json: { type: 'string', default: '' },
  },
})
const minutes = positive('--minutes', values.minutes)
const size = { services: positive('--services', values.services), endpoints: positive('--endpoints', values.endpoints) }
const perSecond = positive('--per-second', values['per-second'])

/** Half of the time with each. */
const reports: SoakReport[] = []
for (const minSyncPeriod of ['1s', '0s']) {
  reports.push(await soak({ minutes: minutes / 2, size, perSecond, minSyncPeriod }))
  if (values.json !== '') writeFileSync(values.json, JSON.stringify(reports, null, 2))
}
print(reports)
process.exitCode = reports.every(({ isComplete, lists }) => isComplete && lists === 0) ? 0 : 1

function positive(option: string, text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new TypeError(`${option}: "${text}" must be a number above 0`)
  return number
}

function print(all: readonly SoakReport[]): void {
  const row = (name: string, value: (report: SoakReport) => string | number) => [name, ...all.map(value).map(String)]
  printTable(
    `${size.services} Services x ${size.endpoints} endpoints, ${perSecond} changes a second`,
    ['--min-sync-period', ...all.map(({ minSyncPeriod }) => minSyncPeriod)],
    [
      row('minutes', ({ minutes: length }) => length),
      row('changes sent', ({ changes }) => changes),
      row('kernel transactions', ({ transactions }) => transactions),
      row('lists after the first', ({ lists }) => lists),
      row('kernel equals API server', ({ isComplete }) => (isComplete ? 'yes' : 'NO')),
      row('latency samples', ({ latency }) => latency.samples),
      ...(['p50', 'p90', 'p99', 'max'] as const).map((name) =>
        row(`latency ${name}, ms`, ({ latency }) => digits(latency[name])),
      ),
      row('resident at first, MB', ({ memory }) => memory.start.toFixed(0)),
      row('resident at the end, MB', ({ memory }) => memory.end.toFixed(0)),
      row('resident at the peak, MB', ({ memory }) => memory.peak.toFixed(0)),
      row('slope, MB an hour', ({ memory }) => memory.slopePerHour.toFixed(1)),
      row('its standard error', ({ memory }) => memory.slopeStandardError.toFixed(1)),
    ],
  )
}
