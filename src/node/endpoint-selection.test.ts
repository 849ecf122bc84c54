import { expect, test } from 'vitest'
import cases from '../../test/conformance/cases/endpoint-selection.json' with { type: 'json' }
import { endpointSelection } from '../../test/conformance/sections/endpoint-selection.ts'

const rows = endpointSelection.rows(cases.endpointSelection)

test('there are rows', () => {
  expect(rows.length).toBeGreaterThan(0)
})

test.each(rows)('$id $name', async (row) => {
  const [comparison] = (await endpointSelection.adapter?.([row])) ?? []
  expect(comparison?.seen).toBe(comparison?.expected)
})
