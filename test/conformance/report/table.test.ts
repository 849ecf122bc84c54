import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CASES_FOLDER, loadCases } from '../format/load.ts'
import { PROMISE_NUMBERS } from '../promises.ts'
import { sectionOf } from '../sections/index.ts'
import { readStep } from '../steps/index.ts'
import { rowKeys } from './table.ts'

const { cases, sections } = loadCases(CASES_FOLDER, readStep)
const all = [
  ...cases,
  ...sections.map(({ section }) => {
    const of = sectionOf(section)
    return { id: section, promises: 'leftOut' in of ? [] : of.promises }
  }),
]
const page = readFileSync(new URL('../../../docs/reference/conformance.md', import.meta.url), 'utf8')
const text = ({ promise, id }: { promise: number; id: string }) => `${promise} ${id}`

test('docs/reference/conformance.md has the cases and promises of the case files', () => {
  const rows = [...page.matchAll(/^\| (\d+) \| `([^`]+)` \|/gm)].map(([, promise, id]) => `${promise} ${id}`)
  expect(rows.toSorted()).toEqual(rowKeys(all).map(text).toSorted())
})

test('every promise has a case', () => {
  expect(PROMISE_NUMBERS).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
  const shown = new Set(all.flatMap(({ promises }) => promises))
  expect(PROMISE_NUMBERS.filter((promise) => !shown.has(promise))).toEqual([])
})

test('cases name promises that exist', () => {
  const unknown = cases.filter(({ promises }) => promises.some((promise) => !PROMISE_NUMBERS.includes(promise)))
  expect(unknown.map(({ id }) => id)).toEqual([])
})
