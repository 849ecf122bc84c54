import { expect, test } from 'vitest'
import { type IpAddress, parseIp } from '../model/ip.ts'
import type { Node } from '../model/node.ts'
import {
  type LocalAddress,
  parseNodePortAddresses,
  selectListenAddresses,
  selectNodePortAddresses,
} from './node-port-addresses.ts'

const ip = (text: string): IpAddress => parseIp(text) ?? ('' as IpAddress)
const local = (address: string, onDefaultRoute = false, isGlobal = true): LocalAddress => ({
  address: ip(address),
  isGlobal,
  onDefaultRoute,
})
const LOCAL = [
  local('127.0.0.1', false, false),
  local('192.168.0.2', true),
  local('10.1.2.3'),
  local('2001:db8::1', true),
  local('fe80::1', true, false),
]
const node: Node = {
  name: 'n',
  labels: {},
  annotations: {},
  addresses: ['10.9.9.9', '10.9.9.8', 'fd00::9'].map(ip),
  podCIDRs: [],
  isLeaving: false,
}

test.each<[string[], Node | undefined, string[]]>([
  [['primary'], undefined, ['192.168.0.2', '2001:db8::1']],
  [['primary'], node, ['10.9.9.9', 'fd00::9']],
  [['primary'], { ...node, addresses: [] }, ['192.168.0.2', '2001:db8::1']],
  [['all'], undefined, ['10.1.2.3', '192.168.0.2', '2001:db8::1']],
  [['10.0.0.0/8'], node, ['10.1.2.3', '2001:db8::1']],
  [['10.0.0.0/8', 'fd00::/8'], node, ['10.1.2.3']],
  [['127.0.0.0/8'], undefined, ['2001:db8::1']],
  [['localhost'], undefined, []],
  [['0.0.0.0/0'], undefined, ['10.1.2.3', '192.168.0.2', '2001:db8::1']],
  [['primary', 'localhost'], undefined, ['192.168.0.2', '2001:db8::1']],
  [['primary', '10.1.0.0/16'], node, ['10.1.2.3', '10.9.9.9', 'fd00::9']],
])('%j', (values, object, expected) => {
  const spec = parseNodePortAddresses(values)
  expect(spec && selectNodePortAddresses(spec, object, LOCAL)).toEqual(expected)
})

test.each<[string[], string[]]>([
  [['primary'], ['10.9.9.9', 'fd00::9']],
  [['10.0.0.0/8'], ['10.1.2.3', '::']],
  [['10.0.0.0/8', 'fd00::/8'], ['10.1.2.3']],
  [['all'], ['0.0.0.0', '::']],
  [['0.0.0.0/0'], ['0.0.0.0', '::']],
  [
    ['0.0.0.0/0', 'primary'],
    ['0.0.0.0', 'fd00::9'],
  ],
  [['127.0.0.0/8'], ['127.0.0.1', '::']],
  [['localhost'], ['127.0.0.1']],
  [
    ['127.0.0.0/8', 'primary'],
    ['10.9.9.9', '127.0.0.1', 'fd00::9'],
  ],
  [['fe80::/10'], ['0.0.0.0']],
])('%j listens on %j', (values, expected) => {
  const spec = parseNodePortAddresses(values)
  expect(spec && selectListenAddresses(spec, node, LOCAL)).toEqual(expected)
})

test('what is neither keyword nor range is refused', () => {
  expect(parseNodePortAddresses(['primary', 'most'])).toBeUndefined()
})
