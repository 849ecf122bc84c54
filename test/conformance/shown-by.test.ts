import { expect, test } from 'vitest'
import { faultOf } from './shown-by.ts'

const file = 'test/conformance/shown-by.test.ts'

test('a test that is there', () => {
  expect(faultOf({ file, test: 'a test that is there' })).toBeUndefined()
})

test.each([['of a table']])('a test %s', () => {
  expect(faultOf({ file, test: 'a test %s' })).toBeUndefined()
})

test('one that is not', () => {
  expect(faultOf({ file, test: ['no', 'such', 'test'].join(' ') })).toBe(`${file} has no test "no such test"`)
  expect(faultOf({ file: 'test/none.test.ts', test: 'x' })).toBe('test/none.test.ts does not exist')
})
