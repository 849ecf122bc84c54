import { describe, expect, test } from 'vitest'
import type { Endpoint, EndpointSlice } from '../endpoint-slice.ts'
import { parseObject } from './object.ts'

type Json = Record<string, unknown>

const labels = { 'kubernetes.io/service-name': 'web' }
const metadata = { name: 'web-abcde', namespace: 'shop', labels }
const apiVersion = 'discovery.k8s.io/v1'

function slice(fields: Json): Json {
  return { apiVersion, kind: 'EndpointSlice', addressType: 'IPv4', metadata, ports: [], endpoints: [], ...fields }
}

function parse(value: unknown): { value: EndpointSlice | undefined; problems: string[]; failed: string[] } {
  const result = parseObject(value, 'f:1')
  const [object] = result.objects
  return {
    value: object?.kind === 'EndpointSlice' ? object.value : undefined,
    problems: result.problems.map((problem) => `${problem.severity} ${problem.field}`),
    failed: result.failed,
  }
}

test('a whole EndpointSlice', () => {
  const value = slice({
    addressType: 'IPv6',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP', appProtocol: 'h2c' }],
    endpoints: [
      {
        addresses: ['FD00::0001', 'fd00::2'],
        conditions: { ready: false, serving: true, terminating: true },
        nodeName: 'node-1',
        zone: 'a',
        hostname: 'web-0',
        targetRef: { kind: 'Pod', name: 'web-0' },
        hints: { forZones: [{ name: 'a' }, { name: 'b' }], forNodes: [{ name: 'node-1' }] },
      },
    ],
  })
  expect(parse(value)).toEqual({
    problems: [],
    failed: [],
    value: {
      namespace: 'shop',
      name: 'web-abcde',
      service: 'shop/web',
      family: 6,
      ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
      endpoints: [
        {
          address: 'fd00::1',
          ready: false,
          serving: true,
          terminating: true,
          nodeName: 'node-1',
          zone: 'a',
          hostname: 'web-0',
          podName: 'web-0',
          hintZones: ['a', 'b'],
          hintNodes: ['node-1'],
        },
      ],
    },
  })
})

describe('slices that are not used', () => {
  const cases: [name: string, value: Json, problems?: string[], failed?: string[]][] = [
    ['promise 7: FQDN, quietly', slice({ addressType: 'FQDN', endpoints: [{ addresses: ['example.com'] }] })],
    [
      'promise 4: headless, quietly',
      slice({ metadata: { ...metadata, labels: { ...labels, 'service.kubernetes.io/headless': '' } } }),
    ],
    [
      'promise 6: no Service',
      slice({ metadata: { name: 'x' } }),
      ['warning metadata.labels["kubernetes.io/service-name"]'],
    ],
    [
      'promise 6: empty Service',
      slice({ metadata: { name: 'x', labels: { 'kubernetes.io/service-name': '' } } }),
      ['warning metadata.labels["kubernetes.io/service-name"]'],
    ],
    ['unknown address type', slice({ addressType: 'IPX' }), ['error addressType'], ['EndpointSlice shop/web-abcde']],
    ['no address type', slice({ addressType: undefined }), ['error addressType'], ['EndpointSlice shop/web-abcde']],
    ['endpoints no list', slice({ endpoints: {} }), ['error endpoints'], ['EndpointSlice shop/web-abcde']],
    ['ports no list', slice({ ports: 80 }), ['error ports'], ['EndpointSlice shop/web-abcde']],
    ['no name', slice({ metadata: { labels } }), ['error metadata.name'], ['']],
  ]
  test.each(cases)('%s', (_, value, problems = [], failed = []) => {
    expect(parse(value)).toEqual({ value: undefined, problems, failed })
  })
})

describe('ports', () => {
  const cases: [name: string, ports: unknown[], expected: string[], problems?: string[]][] = [
    [
      'promise 9: nil name',
      [{ port: 80 }, { name: null, port: 81 }],
      [],
      ['warning ports[0].name', 'warning ports[1].name'],
    ],
    ['promise 9: empty name', [{ name: '', port: 80 }], [' TCP 80']],
    ['promise 9: nil or 0 port', [{ name: 'a' }, { name: 'b', port: 0 }, { name: 'c', port: null }], []],
    [
      'one name for two protocols',
      [
        { name: 'dns', port: 53 },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
      ['dns TCP 53', 'dns UDP 53'],
    ],
    [
      'same name and protocol',
      [
        { name: 'a', port: 1 },
        { name: 'a', port: 2 },
      ],
      ['a TCP 1'],
      ['warning ports[1].name'],
    ],
    [
      'out of range',
      [
        { name: 'a', port: 65536 },
        { name: 'b', port: 2 },
      ],
      ['b TCP 2'],
      ['warning ports[0].port'],
    ],
    ['unknown protocol', [{ name: 'a', port: 1, protocol: 'QUIC' }], [], ['warning ports[0].protocol']],
    ['no mapping', [80, { name: 'b', port: 2 }], ['b TCP 2'], ['warning ports[0]']],
  ]
  test.each(cases)('%s', (_, ports, expected, problems = []) => {
    const result = parse(slice({ ports }))
    expect(result.problems).toEqual(problems)
    expect(result.value?.ports.map((port) => `${port.name} ${port.protocol} ${port.port}`)).toEqual(expected)
  })
})

describe('endpoints', () => {
  const one = (endpoint: Json): Json => slice({ endpoints: [{ addresses: ['10.0.0.1'], ...endpoint }] })
  const cases: [name: string, value: Json, expected: Partial<Endpoint>, problems?: string[]][] = [
    ['promise 11: no conditions', one({}), { ready: true, serving: true, terminating: false }],
    [
      'promise 11: nil conditions',
      one({ conditions: { ready: null } }),
      { ready: true, serving: true, terminating: false },
    ],
    ['promise 11: nil serving is ready', one({ conditions: { ready: false } }), { ready: false, serving: false }],
    ['promise 8: first address', one({ addresses: ['10.0.0.9', '10.0.0.1'] }), { address: '10.0.0.9' as never }],
    ['promise 16: no node name', one({ nodeName: null }), { nodeName: '' }],
    ['a target that is no pod', one({ targetRef: { kind: 'VirtualMachine', name: 'x' } }), { podName: '' }],
    ['a bad node name', one({ nodeName: 'a b' }), { nodeName: '' }, ['warning endpoints[0].nodeName']],
    [
      'a bad hint',
      one({ hints: { forZones: ['a', { name: 'b' }] } }),
      { hintZones: ['b'] },
      ['warning endpoints[0].hints.forZones[0]'],
    ],
    ['v1 has no topology', one({ topology: { 'kubernetes.io/hostname': 'n' } }), { nodeName: '' }],
    [
      'v1beta1 topology',
      {
        ...one({ topology: { 'kubernetes.io/hostname': 'n', 'topology.kubernetes.io/zone': 'z' } }),
        apiVersion: 'discovery.k8s.io/v1beta1',
      },
      { nodeName: 'n', zone: 'z' },
    ],
  ]
  test.each(cases)('%s', (_, value, expected, problems = []) => {
    const result = parse(value)
    expect(result.problems).toEqual(problems)
    expect(result.value?.endpoints[0]).toMatchObject(expected)
  })

  const good = { addresses: ['10.0.0.1'] }
  const bad: [name: string, endpoint: unknown, field: string][] = [
    ['no addresses', {}, 'endpoints[0].addresses[0]'],
    ['the other family', { addresses: ['fd00::1'] }, 'endpoints[0].addresses[0]'],
    ['a name', { addresses: ['example.com'] }, 'endpoints[0].addresses[0]'],
    ['loopback', { addresses: ['127.0.0.1'] }, 'endpoints[0].addresses[0]'],
    ['link-local', { addresses: ['169.254.1.1'] }, 'endpoints[0].addresses[0]'],
    ['multicast', { addresses: ['224.0.0.1'] }, 'endpoints[0].addresses[0]'],
    ['unspecified', { addresses: ['0.0.0.0'] }, 'endpoints[0].addresses[0]'],
    ['a condition that is no boolean', { ...good, conditions: { ready: 'false' } }, 'endpoints[0].conditions.ready'],
    ['conditions that are no mapping', { ...good, conditions: [] }, 'endpoints[0].conditions'],
    ['no mapping', 'x', 'endpoints[0]'],
  ]
  test.each(bad)('not used: %s', (_, endpoint, field) => {
    const result = parse(slice({ endpoints: [endpoint, { addresses: ['10.0.0.2'] }] }))
    expect(result.problems).toEqual([`warning ${field}`])
    expect(result.value?.endpoints.map(({ address }) => address)).toEqual(['10.0.0.2'])
  })

  test.each(['::', '::1', 'fe80::1', 'febf::1', 'ff02::1', '10.0.0.1'])('IPv6, not used: %s', (address) => {
    const result = parse(
      slice({ addressType: 'IPv6', endpoints: [{ addresses: [address] }, { addresses: ['fec0::1'] }] }),
    )
    expect(result.problems).toEqual(['warning endpoints[0].addresses[0]'])
    expect(result.value?.endpoints).toHaveLength(1)
  })
})

test.each([
  ['2026-01-02T03:04:05Z', Date.UTC(2026, 0, 2, 3, 4, 5)],
  ['2026-01-02T03:04:05.123456789Z', Date.UTC(2026, 0, 2, 3, 4, 5, 123)],
  ['2026-01-02T05:04:05+02:00', Date.UTC(2026, 0, 2, 3, 4, 5)],
  ['soon', undefined],
  ['1', undefined],
  [1, undefined],
  [null, undefined],
])('when the change happened that it reflects: %j', (text, time) => {
  const annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': text, other: 'x' }
  const { value, problems } = parse(slice({ metadata: { ...metadata, annotations } }))
  expect(value?.lastChangeTriggerTime).toBe(time)
  expect(problems).toEqual([])
})

test('an address of the other family is told from one that is none', () => {
  const kinds = ['fd00::1', 'nonsense'].map((address) => {
    return parseObject(slice({ endpoints: [{ addresses: [address] }] }), '').problems.map(({ kind }) => kind)
  })
  expect(kinds).toEqual([['wrong-family'], [undefined]])
})
