import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import { type Cell, medianOf, type Results } from '../peers/results.ts'
import { PUBLISHED } from './kube-nftlb.ts'

/** One point of a plot. */
interface Point {
  readonly peer: string
  readonly services: number
  /** Title of the panel. */
  readonly panel: string
  readonly value: number
}

const PLOTTED_FAMILY = 4
/** Connections do not depend on the number of endpoints. */
const CONNECT_ENDPOINTS = 5

/** All plots by name, as SVG. */
export async function drawPlots({ cells, lifecycles }: Results): Promise<[string, string][]> {
  const replaced = ({ changes }: Cell) => changes?.['endpoint replaced']?.median
  const connects = cells.filter(({ endpoints }) => endpoints === CONNECT_ENDPOINTS)
  const bars = [
    ...PUBLISHED.flatMap((row) => sides(row.peer, row.endpoints, 'published by kube-nftlb', row.create, row.delete)),
    ...lifecycles.flatMap((row) => {
      return sides(row.peer, row.endpoints, 'this run', medianOf(row.create), medianOf(row.delete))
    }),
  ]
  return [
    [
      'load',
      await render(
        lines(
          'Milliseconds to program everything from nothing, IPv4',
          points(cells, ({ load }) => load && medianOf(load)),
        ),
      ),
    ],
    ['change', await render(lines('Milliseconds to replace one endpoint, IPv4', points(cells, replaced)))],
    [
      'kernel-memory',
      await render(
        lines(
          'Megabytes of kernel memory, IPv4',
          points(cells, ({ kernelBytes }) => kernelBytes && medianOf(kernelBytes) / 1e6),
        ),
      ),
    ],
    [
      'connect',
      await render(
        lines(
          'Microseconds of connect() to the last Service, P50, IPv4',
          points(connects, (cell) => cell.connects && medianOf(cell.connects.last.p50)),
        ),
      ),
    ],
    ['kube-nftlb', await render(lifecycleBars(bars))],
  ]
}

function points(cells: readonly Cell[], value: (cell: Cell) => number | undefined): Point[] {
  return cells
    .filter(({ family }) => family === PLOTTED_FAMILY)
    .flatMap((cell) => {
      const found = value(cell)
      // A logarithmic axis has no room for the rest.
      if (found === undefined || !(found > 0)) return []
      return [{ peer: cell.peer, services: cell.services, panel: `${cell.endpoints} endpoints each`, value: found }]
    })
}

function lines(title: string, values: readonly Point[]): TopLevelSpec {
  return {
    title,
    data: { values: [...values] },
    facet: { column: { field: 'panel', title: null, sort: null } },
    spec: {
      width: 240,
      height: 260,
      mark: { type: 'line', point: true },
      encoding: {
        x: {
          field: 'services',
          type: 'quantitative',
          scale: { type: 'log' },
          axis: { title: 'Services', format: '~s' },
        },
        y: { field: 'value', type: 'quantitative', scale: { type: 'log' }, axis: { title: null, format: '~r' } },
        color: { field: 'peer', type: 'nominal', sort: null, legend: { title: null, labelLimit: 300 } },
      },
    },
    config: { background: 'white' },
  }
}

interface Bar {
  readonly peer: string
  readonly endpoints: string
  readonly side: string
  readonly what: string
  readonly value: number
}

function sides(peer: string, endpoints: number, side: string, create: number, remove: number): Bar[] {
  const bar = { peer, endpoints: `${endpoints} endpoints`, side }
  return [
    { ...bar, what: 'created', value: create },
    { ...bar, what: 'deleted', value: remove },
  ]
}

function lifecycleBars(values: readonly Bar[]): TopLevelSpec {
  return {
    title: 'One Service created and deleted: milliseconds, logarithmic',
    data: { values: [...values] },
    facet: {
      row: { field: 'what', title: null, sort: null },
      column: { field: 'side', title: null, sort: null },
    },
    spec: {
      width: 360,
      height: 200,
      mark: 'bar',
      encoding: {
        x: { field: 'endpoints', type: 'nominal', sort: null, axis: { title: null, labelAngle: 0 } },
        xOffset: { field: 'peer', type: 'nominal', sort: null },
        y: {
          field: 'value',
          type: 'quantitative',
          scale: { type: 'log', domainMin: 0.05 },
          axis: { title: null, format: '~r' },
        },
        // Bars need a base, and the logarithm of 0 is none.
        y2: { datum: 0.05 },
        color: { field: 'peer', type: 'nominal', sort: null, legend: { title: null, labelLimit: 300 } },
      },
    },
    config: { background: 'white' },
  }
}

async function render(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: 'none' })
  try {
    return `${await view.toSVG()}\n`
  } finally {
    view.finalize()
  }
}
