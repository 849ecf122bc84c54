import { expect, test } from 'vitest'
import { parseArguments } from './arguments.ts'

test('without arguments every suite runs', () => {
  const { only, rest, problem } = parseArguments([])
  expect([...only]).toEqual(expect.arrayContaining(['build', 'lint', 'unit', 'lab']))
  expect(rest).toEqual([])
  expect(problem).toBeUndefined()
})

test('--only takes a list, comes more than once, and leaves the rest to Vitest', () => {
  const { only, rest } = parseArguments(['--only', 'build,lab', 'test/lab/dnat.test.ts', '--only=unit', '-t', 'a name'])
  expect([...only]).toEqual(['build', 'lab', 'unit'])
  expect(rest).toEqual(['test/lab/dnat.test.ts', '-t', 'a name'])
})

test('a suite that does not exist is a problem', () => {
  expect(parseArguments(['--only', 'unit,units']).problem).toBe('no suite "units"')
  expect(parseArguments(['--only']).problem).toBe('no suite ""')
})
