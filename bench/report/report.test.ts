import { expect, test } from 'vitest'
import type { Cell, Results } from '../peers/results.ts'
import { measureSections, problemList } from './markdown.ts'
import { drawPlots } from './plots.ts'
import { targetTable } from './targets.ts'

const NFTABLES = "kube-proxy's nftables layout"

function cell(peer: string, services: number, more: Partial<Cell> = {}): Cell {
  return { peer, services, endpoints: 5, family: 4, problem: '', ...more }
}

function row(markdown: string, start: string): string | undefined {
  return markdown.split('\n').find((line) => line.startsWith(`| ${start}`))
}

test('a table has a row for each size and a column for each peer, and says who did not finish', () => {
  const text = measureSections([
    cell('Sluice', 100, { load: [3, 1, 2] }),
    cell('nftlb', 100, { load: [40] }),
    cell('Sluice', 1000, { load: [10] }),
    cell('nftlb', 1000, { problem: 'nftlb was not done within 5 s' }),
    cell('Sluice', 5000, { load: [50] }),
    cell('nftlb', 5000, { problem: 'not tried: it did not finish with fewer Services' }),
  ])
  expect(row(text, '100 x 5')).toBe('| 100 x 5 | 2.00 (1.00 .. 3.00) | 40.0 |')
  expect(row(text, '1000 x 5')).toBe('| 1000 x 5 | 10.0 | too long |')
  expect(row(text, '5000 x 5')).toBe('| 5000 x 5 | 50.0 | not tried |')
})

test('only peers that have a measure are columns of its table', () => {
  const text = measureSections([cell('Sluice', 100, { replay: [3] }), cell('nftlb', 100, { load: [4] })])
  const [, replayed = ''] = text.split("The netlink messages of Sluice's load alone")
  expect(replayed).not.toContain('nftlb')
})

test('why somebody did not finish is told, but not that he was not tried again', () => {
  const list = problemList([
    cell('nftlb', 1000, { problem: 'nftlb was not done within 5 s' }),
    cell('nftlb', 5000, { problem: 'not tried: it did not finish with fewer Services' }),
  ])
  expect(list).toBe('- nftlb, IPv4, 1000 x 5: nftlb was not done within 5 s')
})

test.each([
  { sluice: 10, verdict: 'met', ratio: '0.0100' },
  { sluice: 30, verdict: '**missed**', ratio: '0.0300' },
])('a load of $sluice ms where the peer takes a second is $verdict', ({ sluice, verdict, ratio }) => {
  const text = targetTable([cell('Sluice', 10_000, { load: [sluice] }), cell(NFTABLES, 10_000, { load: [1000] })])
  const found = row(text, `load of 10000 x 5, to ${NFTABLES}`)
  expect(found).toContain(`| ${ratio} | at most 0.02 | ${verdict} |`)
})

test('a peer that was stopped bounds the ratio', () => {
  const problem = 'nft was not done within 100 s'
  const text = targetTable([cell('Sluice', 10_000, { load: [1000] }), cell(NFTABLES, 10_000, { problem, load: [] })])
  expect(row(text, `load of 10000 x 5, to ${NFTABLES}`)).toContain('| less than 0.0100 | at most 0.02 | met |')
})

test('what was not measured is not called met', () => {
  const text = targetTable([cell('Sluice', 10_000, { load: [10] })])
  expect(row(text, `load of 10000 x 5, to ${NFTABLES}`)).toContain('not measured')
})

test('plots are drawn from whatever is there, and the same each time', async () => {
  const results: Results = {
    format: 1,
    isQuick: true,
    startedAt: '2026-01-01T00:00:00Z',
    minutes: 1,
    machine: { cpu: '', cpus: 1, memoryBytes: 0, kernel: '', versions: {}, loadAverage: [], listeners: 0 },
    options: { services: [100, 1000], endpoints: [5], families: [4], rounds: 1, boundSeconds: 1 },
    cells: [cell('Sluice', 100, { load: [10] }), cell('Sluice', 1000, { load: [100] })],
    lifecycles: [{ peer: 'Sluice', endpoints: 10, create: [1], delete: [2], rules: { with: 1, without: 1 } }],
  }
  const [first, second] = [await drawPlots(results), await drawPlots(results)]
  expect(first).toEqual(second)
  for (const [, svg] of first) expect(svg).toMatch(/^<svg.*<\/svg>\n$/s)
  expect(new Map(first).get('load')).toContain('Sluice')
})
