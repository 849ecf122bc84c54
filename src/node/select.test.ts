import { describe, expect, it } from 'vitest'
import { endpoint, service, slice } from '../../test/fixtures/services.ts'
import type { EndpointSlice } from '../model/endpoint-slice.ts'
import { selectEndpoints } from './select.ts'

function summary(...slices: EndpointSlice[]): string[] {
  return selectEndpoints(service('web'), slices, { name: 'node-1', zone: '' }).map(
    ({ address, ports, local, unplaced, scopes, inCluster }) => {
      const place = local ? ' here' : unplaced ? ' somewhere' : ''
      const where = scopes.internal || scopes.external || inCluster ? place : `${place}, not for new clients`
      return `${address}:${ports.map(({ port }) => port).join(',')}${where}`
    },
  )
}

const PORT = { name: 'http', protocol: 'TCP', port: 8080 } as const
const here = { nodeName: 'node-1' }
const there = { nodeName: 'node-2' }

describe('selectEndpoints', () => {
  it('gives the ready ones (promises 11 and 12), those that only serve (promise 74), and where they are (promise 16)', () => {
    const endpoints = [
      endpoint('10.1.0.1', here),
      endpoint('10.1.0.2', there),
      endpoint('10.1.0.3'),
      endpoint('10.1.0.4', { ...here, ready: false }),
      endpoint('10.1.0.5', { ready: false, serving: true, terminating: true }),
      endpoint('10.1.0.6', { ready: false, serving: false }),
    ]
    expect(summary(slice('a', 'web', { endpoints }))).toEqual([
      '10.1.0.1:8080 here',
      '10.1.0.2:8080',
      '10.1.0.3:8080 somewhere',
      '10.1.0.4:8080 here, not for new clients',
      '10.1.0.5:8080 somewhere, not for new clients',
    ])
  })

  it('puts slices together in the order of their names', () => {
    const a = slice('a', 'web', { endpoints: [endpoint('10.1.0.1', there)] })
    const b = slice('b', 'web', { endpoints: [endpoint('10.1.0.2', there)] })
    expect(summary(b, a)).toEqual(['10.1.0.1:8080', '10.1.0.2:8080'])
  })

  it('has an address and port once (promise 13)', () => {
    const a = slice('a', 'web', { endpoints: [endpoint('10.1.0.1', there)] })
    const b = slice('b', 'web', { endpoints: [endpoint('10.1.0.1', there), endpoint('10.1.0.2', there)] })
    expect(summary(a, b)).toEqual(['10.1.0.1:8080', '10.1.0.2:8080'])
    expect(
      summary(slice('a', 'web', { endpoints: [endpoint('10.1.0.1', there), endpoint('10.1.0.1', there)] })),
    ).toEqual(['10.1.0.1:8080'])
  })

  it.each(['ab', 'ba'])('takes the copy on this node where slices disagree (promise 14): %s', (order) => {
    const [first = '', second = ''] = order
    const far = slice(first, 'web', { endpoints: [endpoint('10.1.0.1', there)] })
    const near = slice(second, 'web', { endpoints: [endpoint('10.1.0.1', here)] })
    expect(summary(far, near)).toEqual(['10.1.0.1:8080 here'])
  })

  it('takes a ready copy where another one is not', () => {
    const a = slice('a', 'web', { endpoints: [endpoint('10.1.0.1', { ...here, ready: false })] })
    const b = slice('b', 'web', { endpoints: [endpoint('10.1.0.1', here)] })
    expect(summary(a, b)).toEqual(['10.1.0.1:8080 here'])
  })

  it('keeps the ports that different slices give an address', () => {
    const a = slice('a', 'web', { endpoints: [endpoint('10.1.0.1', there)] })
    const b = slice('b', 'web', {
      endpoints: [endpoint('10.1.0.1', there)],
      ports: [PORT, { ...PORT, name: 'https', port: 8443 }],
    })
    expect(summary(a, b)).toEqual(['10.1.0.1:8080', '10.1.0.1:8443'])
  })

  it('gives nothing for no slices', () => {
    expect(summary()).toEqual([])
    expect(summary(slice('a', 'web'))).toEqual([])
  })
})
