import { expect, test } from 'vitest'
import { bindAddress } from './bind-address.ts'
import { UsageError } from './failure.ts'

test.each([
  ['0.0.0.0:10256', { host: '', port: 10256 }],
  ['[::]:1', { host: '', port: 1 }],
  ['10.1.2.3:65535', { host: '10.1.2.3', port: 65535 }],
  ['[fd00::1]:80', { host: 'fd00::1', port: 80 }],
  ['10.1.2.3', { host: '10.1.2.3', port: 10256 }],
  ['fd00::1', { host: 'fd00::1', port: 10256 }],
  ['::', { host: '', port: 10256 }],
])('%s', (text, expected) => {
  expect(bindAddress('--x', text, 10256)).toEqual(expected)
})

test('empty is nowhere', () => {
  expect(bindAddress('--x', '', 10256)).toBeUndefined()
})

test.each([
  ':10256',
  '10.1.2.3:',
  '10.1.2.3:0',
  '10.1.2.3:65536',
  '10.1.2.3:http',
  'localhost:1',
  '[fd00::1]',
  '[]:1',
  ' ',
])('"%s" is refused', (text) => {
  expect(() => bindAddress('--x', text, 10256)).toThrow(UsageError)
  expect(() => bindAddress('--x', text, 10256)).toThrow(/--x: ".*" must be/)
})
