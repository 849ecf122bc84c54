import type { Family } from '../../src/model/ip.ts'
import { type Cell, CHANGE_KINDS, type Lifecycle, medianOf, type Results } from '../peers/results.ts'
import { digits } from '../support/statistics.ts'

/** One table of the report: how a cell is written, undefined where it has nothing to say. */
interface Measure {
  readonly title: string
  readonly text: (cell: Cell) => string | undefined
}

const MEGA = 1e6

const MEASURES: readonly Measure[] = [
  { title: 'Program everything from nothing (ms)', text: ({ load }) => spreadOf(load) },
  { title: 'The same in CPU time (ms)', text: ({ loadCpu }) => spreadOf(loadCpu) },
  { title: 'Sluice in a process that has just started (ms)', text: ({ coldLoad }) => spreadOf(coldLoad) },
  { title: "The netlink messages of Sluice's load alone, sent once more (ms)", text: ({ replay }) => spreadOf(replay) },
  ...CHANGE_KINDS.map((kind): Measure => {
    return {
      title: `${kind} (ms): median, P99 where there are a hundred or more`,
      text: ({ changes }) => {
        const found = changes?.[kind]
        if (found === undefined) return undefined
        return found.count < 100 ? digits(found.median) : `${digits(found.median)}, ${digits(found.p99)}`
      },
    }
  }),
  {
    title: 'From one changed EndpointSlice to the first connection that obeys (ms)',
    text: ({ propagation }) => spreadOf(propagation),
  },
  {
    title: 'Recovery from a crash: until what changed meanwhile is obeyed (ms)',
    text: ({ restart }) => spreadOf(restart),
  },
  {
    title: 'Recovery from the loss of all tables (ms)',
    text: ({ drift }) => (drift?.length === 0 ? 'not within 45 s' : spreadOf(drift)),
  },
  { title: 'connect() to the first Service: P50, P90, P99 (us)', text: ({ connects }) => connectsOf(connects?.first) },
  { title: 'connect() to the last Service: P50, P90, P99 (us)', text: ({ connects }) => connectsOf(connects?.last) },
  {
    title: 'Connections a second to the last Service, one core',
    text: ({ connects }) => medianText(connects?.last.perSecond),
  },
  {
    title: 'Throughput of an established connection, one core (GB/s)',
    text: ({ throughput }) => medianText(throughput, 1e9),
  },
  { title: 'Rules', text: ({ ruleset }) => ruleset && String(ruleset.rules) },
  { title: 'Chains', text: ({ ruleset }) => ruleset && String(ruleset.chains) },
  { title: 'Elements of sets and maps', text: ({ ruleset }) => ruleset?.elements?.toString() },
  { title: 'Kernel memory (MB)', text: ({ kernelBytes }) => medianText(kernelBytes, MEGA) },
  {
    title: 'Highest memory of the programming process (MB)',
    text: ({ processBytes }) => (processBytes ? digits(processBytes / MEGA) : undefined),
  },
]

/** All measures, each with a table a family. */
export function measureSections(cells: readonly Cell[]): string {
  return MEASURES.flatMap(({ title, text }) => {
    const tables = ([4, 6] as const).map((family) => table(cells, family, text))
    if (tables.every((each) => each === '')) return []
    const [four = '', six = ''] = tables
    const folded = six === '' ? [] : [`<details><summary>IPv6</summary>\n\n${six}\n\n</details>`]
    return [`### ${title}`, ...(four === '' ? [] : [four]), ...folded]
  }).join('\n\n')
}

/** Rows are sizes, columns are peers; empty when no cell has anything. */
function table(cells: readonly Cell[], family: Family, text: Measure['text']): string {
  const own = cells.filter((cell) => cell.family === family)
  const written = own.filter((cell) => text(cell) !== undefined)
  const peers = [...new Set(own.map(({ peer }) => peer))].filter((peer) => written.some((cell) => cell.peer === peer))
  if (peers.length === 0) return ''
  const sizes = [...new Set(own.map(({ services, endpoints }) => `${services} x ${endpoints}`))]
  const rows = sizes.map((size) => {
    return [
      size,
      ...peers.map((peer) => {
        const cell = own.find((each) => each.peer === peer && `${each.services} x ${each.endpoints}` === size)
        return cell === undefined ? '' : (text(cell) ?? absent(cell))
      }),
    ]
  })
  return markdownTable(['Services x endpoints', ...peers], rows)
}

function absent({ problem }: Cell): string {
  if (problem === '') return '-'
  if (problem.startsWith('not tried')) return 'not tried'
  return problem.includes('was not done within') ? 'too long' : 'failed'
}

export function markdownTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(headings), line(headings.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

/** `median (least .. most)`. */
function spreadOf(values: readonly number[] | undefined): string | undefined {
  if (values === undefined || values.length === 0) return undefined
  if (values.length === 1) return digits(values[0] ?? NaN)
  return `${digits(medianOf(values))} (${digits(Math.min(...values))} .. ${digits(Math.max(...values))})`
}

function medianText(values: readonly number[] | undefined, unit = 1): string | undefined {
  return values === undefined || values.length === 0 ? undefined : digits(medianOf(values) / unit)
}

function connectsOf(connects: NonNullable<Cell['connects']>['first'] | undefined): string | undefined {
  if (connects === undefined) return undefined
  return [connects.p50, connects.p90, connects.p99].map((values) => digits(medianOf(values))).join(', ')
}

export function lifecycleTable(lifecycles: readonly Lifecycle[]): string {
  return markdownTable(
    ['', 'endpoints', 'create (ms)', 'delete (ms)', 'rules with it', 'rules without'],
    lifecycles.map((row) => [
      row.peer,
      String(row.endpoints),
      spreadOf(row.create) ?? '',
      spreadOf(row.delete) ?? '',
      String(row.rules.with),
      String(row.rules.without),
    ]),
  )
}

export function machineTable({ machine, startedAt, minutes }: Results): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`.trim())
  return markdownTable(
    ['', ''],
    [
      ['Processor', `${machine.cpu}, ${machine.cpus} cores`],
      ['Memory', `${digits(machine.memoryBytes / 1e9)} GB`],
      ['Kernel', machine.kernel],
      ['Versions', versions.join(', ')],
      ['Load average when it began', machine.loadAverage.join(', ')],
      ['Processes beside listeners to nf_tables events', String(machine.listeners)],
      ['Run', `${startedAt}, ${minutes} minutes`],
    ],
  )
}

/** Every peer that could not do something, and why. */
export function problemList(cells: readonly Cell[]): string {
  const lines = cells
    .filter(({ problem }) => problem !== '' && !problem.startsWith('not tried'))
    .map(({ peer, family, services, endpoints, problem }) => {
      return `- ${peer}, IPv${family}, ${services} x ${endpoints}: ${problem.replaceAll(/\s+/g, ' ')}`
    })
  return lines.length === 0 ? 'Everybody finished everything.' : lines.join('\n')
}
