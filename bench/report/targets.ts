import { type Cell, medianOf } from '../peers/results.ts'
import { digits } from '../support/statistics.ts'
import { markdownTable } from './markdown.ts'

const SLUICE = 'Sluice'
const NFTABLES = "kube-proxy's nftables layout"
const IPTABLES = "kube-proxy's iptables layout"
const FLOOR = 'no rules'
const ENDPOINTS = 5
const SOME = 10_000
const MANY = 50_000

interface Target {
  readonly what: string
  /** Undefined when a figure for it is missing. */
  readonly value: number | undefined
  readonly limit: number
  readonly unit: string
  /** The value is the most that it can be: what it is compared with did not finish. */
  readonly isUpperBound?: boolean
}

/** What was aimed at, and what came of it; IPv4 and 5 endpoints a Service. */
export function targetTable(cells: readonly Cell[]): string {
  const found = targets(cells)
  return markdownTable(
    ['', 'measured', 'aimed at', ''],
    found.map(({ what, value, limit, unit, isUpperBound = false }) => {
      const measured = value === undefined || Number.isNaN(value) ? undefined : value
      const verdict = measured === undefined ? 'not measured' : measured <= limit ? 'met' : '**missed**'
      const text = measured === undefined ? '-' : `${isUpperBound ? 'less than ' : ''}${digits(measured)}${unit}`
      return [what, text, `at most ${limit}${unit}`, verdict]
    }),
  )
}

function targets(cells: readonly Cell[]): Target[] {
  const cell = (peer: string, services: number) =>
    cells.find(
      (each) => each.peer === peer && each.services === services && each.endpoints === ENDPOINTS && each.family === 4,
    )
  const load = (peer: string, services: number) => median(cell(peer, services)?.load)
  /** Of one that did not finish, the time after which it was stopped. */
  const loadRatio = (what: string, peer: string, limit: number): Target => {
    const bound = boundOf(cell(peer, SOME))
    return { ...ratio(what, load(SLUICE, SOME), load(peer, SOME) ?? bound, limit), isUpperBound: bound !== undefined }
  }
  const change = (kind: 'endpoint replaced' | 'endpoint added' | 'Service added', services: number) =>
    cell(SLUICE, services)?.changes?.[kind]
  const last = (peer: string, services: number) => median(cell(peer, services)?.connects?.last.p50)
  const ratio = (what: string, value: number | undefined, base: number | undefined, limit: number): Target => {
    return { what, value: value === undefined || base === undefined ? undefined : value / base, limit, unit: '' }
  }
  const ms = (what: string, value: number | undefined, limit: number): Target => ({ what, value, limit, unit: ' ms' })
  const sizes = [...new Set(cells.filter(({ endpoints }) => endpoints === ENDPOINTS).map(({ services }) => services))]
  return [
    loadRatio(`load of ${SOME} x ${ENDPOINTS}, to ${NFTABLES}`, NFTABLES, 0.02),
    loadRatio(`the same to ${IPTABLES}`, IPTABLES, 0.25),
    ratio('the same to its netlink messages alone', load(SLUICE, SOME), median(cell(SLUICE, SOME)?.replay), 2.5),
    ...(['endpoint replaced', 'endpoint added'] as const).flatMap((kind) => [
      ms(`${kind} among ${SOME}, P50`, change(kind, SOME)?.median, 1),
      ms(`${kind} among ${SOME}, P99`, change(kind, SOME)?.p99, 3),
      ratio(
        `${kind} among ${MANY}, P50 to that among ${SOME}`,
        change(kind, MANY)?.median,
        change(kind, SOME)?.median,
        1.5,
      ),
    ]),
    ms(`Service added among ${MANY}, P50`, change('Service added', MANY)?.median, 10),
    ...sizes.flatMap((services) => [
      ratio(
        `connect() to the last of ${services}, to ${NFTABLES}`,
        last(SLUICE, services),
        last(NFTABLES, services),
        1.05,
      ),
      ratio(`connect() to the last of ${services}, to no rules`, last(SLUICE, services), last(FLOOR, services), 1.6),
    ]),
    ratio(
      `load of ${MANY}, to linear growth from ${SOME}`,
      load(SLUICE, MANY),
      times(load(SLUICE, SOME), MANY / SOME),
      1.3,
    ),
    ...cells.flatMap(({ heap, services, endpoints, family }) => {
      if (heap === undefined) return []
      const what = `heap after ${heap.changes} changes to that before, ${services} x ${endpoints}, IPv${family}`
      return [ratio(what, heap.after, heap.before, 1.02)]
    }),
  ]
}

function median(values: readonly number[] | undefined): number | undefined {
  return values === undefined || values.length === 0 ? undefined : medianOf(values)
}

/** Milliseconds after which a load was stopped; undefined when it was not. */
function boundOf(cell: Cell | undefined): number | undefined {
  const [, seconds] = /was not done within (\d+) s$/.exec(cell?.problem ?? '') ?? []
  return seconds === undefined || median(cell?.load) !== undefined ? undefined : Number(seconds) * 1000
}

function times(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor
}
