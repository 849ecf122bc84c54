import { describe, expect, test } from 'vitest'
import { ip, udpService } from '../../../test/fixtures/services.ts'
import { type Flow, rawAddress } from '../../kernel/conntrack/flow.ts'
import { ipBytes } from '../../model/ip.ts'
import { serviceKey } from '../../model/service.ts'
import { virtualServers } from '../../virtual-server/from-local.ts'
import { UdpState } from './destinations.ts'
import { isStale } from './stale.ts'

const NODE = '192.0.2.10'

const key = (name: string) => serviceKey('default', name)
const raw = (address: string) => rawAddress(ipBytes(ip(address)))

function flow(destination: string, port: number, replySource: string, replyPort: number): Flow {
  return {
    protocol: 17,
    destination: raw(destination),
    destinationPort: port,
    replySource: raw(replySource),
    replySourcePort: replyPort,
    zone: 0,
  }
}

/** A Service with a node port and one endpoint. */
function stateOfWeb(): UdpState {
  const state = new UdpState()
  state.setNodeAddresses([ip(NODE)])
  const port = { name: 'udp', protocol: 'UDP', port: 8000, nodePort: 32000 } as const
  const endpoints = [{ address: '10.240.0.4', port: 9090 }]
  state.setService(
    key('web'),
    virtualServers(
      udpService('web', {
        clusterIPs: ['172.30.1.1'],
        externalIPs: ['192.168.99.100'],
        loadBalancerIPs: ['1.2.3.4'],
        ports: [port],
        endpoints,
      }),
    ),
  )
  return state
}

// The table of entries that are deleted and kept is test/conformance/cases/conntrack-cleanup.json.
describe('promises 74, 75 and 76', () => {
  const udp = stateOfWeb().families[4]

  test('a node port is one on the addresses that serve node ports only', () => {
    expect(isStale(flow(NODE, 32000, '10.244.9.9', 1), udp)).toBe(true)
    expect(isStale(flow('192.0.2.11', 32000, '10.244.9.9', 1), udp)).toBe(false)
  })

  test('other zones are left alone', () => {
    const stale = flow('172.30.1.1', 8000, '10.244.9.9', 1)
    expect(isStale(stale, udp)).toBe(true)
    expect(isStale({ ...stale, zone: 1 }, udp)).toBe(false)
  })
})

describe('promise 77', () => {
  test('with no endpoint every entry is stale', () => {
    const state = new UdpState()
    state.setService(key('empty'), virtualServers(udpService('empty', { clusterIPs: ['10.96.0.1'] })))
    expect(isStale(flow('10.96.0.1', 53, '10.244.1.1', 5353), state.families[4])).toBe(true)
    expect(isStale(flow('10.96.0.1', 53, '10.96.0.1', 53), state.families[4])).toBe(true)
  })

  test('of a destination that was given up, entries that were sent on are stale, and others are not ours', () => {
    const state = stateOfWeb()
    expect(state.setService(key('web'), [])).toEqual([4])
    const udp = state.families[4]
    for (const [destination, port] of [
      ['172.30.1.1', 8000],
      ['1.2.3.4', 8000],
      ['192.168.99.100', 8000],
      [NODE, 32000],
    ] as const) {
      expect(isStale(flow(destination, port, '10.240.0.4', 9090), udp)).toBe(true)
      expect(isStale(flow(destination, port, destination, port), udp)).toBe(false)
    }
  })
})

describe('UdpState', () => {
  const endpoint = (address: string, port = 5353) => ({ address, port })
  const servers = (name: string, options: Parameters<typeof udpService>[1]) => virtualServers(udpService(name, options))
  const first = { clusterIPs: ['10.96.0.1'], endpoints: [endpoint('10.244.1.1')] }

  test('is touched by what changes who serves, and by nothing else', () => {
    const state = new UdpState()
    const set = (options: Parameters<typeof udpService>[1]) => state.setService(key('a'), servers('a', options))
    expect(set(first)).toEqual([4])
    expect(set(first)).toEqual([])
    expect(set({ ...first, endpoints: [endpoint('10.244.1.1', 5354)] })).toEqual([4])
    expect(set({ ...first, clusterIPs: ['10.96.0.1', 'fd00::1'] })).toEqual([4, 6])
    expect(set({ ...first, ports: [{ name: 'dns', protocol: 'TCP', port: 53, nodePort: 0 }] })).toEqual([4, 6])
    expect(set({ ...first, ports: [{ name: 'dns', protocol: 'TCP', port: 53, nodePort: 0 }] })).toEqual([])
  })

  test('endpoints of the Service count that has the destination', () => {
    const state = new UdpState()
    const externalOnly = { clusterIPs: ['10.96.9.9'], externalIPs: ['192.0.2.1'] }
    const set = (name: string, creationTimestamp: number, address: string) =>
      state.setService(key(name), servers(name, { ...externalOnly, creationTimestamp, endpoints: [endpoint(address)] }))
    const stale = (address: string) => isStale(flow('192.0.2.1', 53, address, 5353), state.families[4])
    set('young', 2, '10.244.1.2')
    expect([stale('10.244.1.1'), stale('10.244.1.2')]).toEqual([true, false])
    set('old', 1, '10.244.1.1')
    expect([stale('10.244.1.1'), stale('10.244.1.2')]).toEqual([false, true])
    state.setService(key('old'), [])
    expect([stale('10.244.1.1'), stale('10.244.1.2')]).toEqual([true, false])
  })

  test.each([
    ['given up first', ['a', 'b']],
    ['taken over first', ['b', 'a']],
  ])('a destination that moves from one Service to another, %s', (_, order) => {
    const state = new UdpState()
    state.setService(key('a'), servers('a', first))
    const after = { a: [], b: servers('b', { ...first, endpoints: [endpoint('10.244.1.2')] }) }
    for (const name of order) state.setService(key(name), after[name as 'a' | 'b'])
    const stale = (address: string) => isStale(flow('10.96.0.1', 53, address, 5353), state.families[4])
    expect([stale('10.244.1.1'), stale('10.244.1.2'), stale('10.96.0.1')]).toEqual([true, false, true])
  })

  test('node ports move with the addresses that serve them', () => {
    const state = stateOfWeb()
    expect(state.setNodeAddresses([ip(NODE)])).toEqual([])
    expect(state.setNodeAddresses([ip('192.0.2.11'), ip('fd00::1')])).toEqual([4])
    const udp = state.families[4]
    expect(isStale(flow('192.0.2.11', 32000, '10.240.0.4', 9090), udp)).toBe(false)
    expect(isStale(flow(NODE, 32000, '10.240.0.4', 9090), udp)).toBe(true)
    expect(isStale(flow(NODE, 32000, NODE, 32000), udp)).toBe(false)
    expect(isStale(flow(NODE, 32001, '10.240.0.4', 9090), udp)).toBe(false)
  })
})
