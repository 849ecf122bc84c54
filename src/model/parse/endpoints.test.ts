import { expect, test } from 'vitest'
import { parseObject } from './object.ts'

const endpoints = (subsets: unknown, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: { name: 'web', namespace: 'shop', ...metadata },
  subsets,
})

function slices(value: unknown): unknown[] {
  return parseObject(value, '').objects.map((object) => object.value)
}

const pod = { kind: 'Pod', name: 'web-0' }
const endpoint = {
  ready: true,
  serving: true,
  terminating: false,
  nodeName: '',
  zone: '',
  hostname: '',
  podName: '',
  hintZones: [],
  hintNodes: [],
}

test('one slice for each subset and family', () => {
  const value = endpoints([
    {
      addresses: [{ ip: '10.0.0.1', nodeName: 'n', hostname: 'h', targetRef: pod }, { ip: 'fd00::1' }],
      notReadyAddresses: [{ ip: '10.0.0.2' }],
      ports: [{ port: 8080 }],
    },
    { addresses: [{ ip: '10.0.0.3' }], ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] },
    { ports: [{ port: 1 }] },
  ])
  const common = { namespace: 'shop', service: 'shop/web' }
  const ports = [{ name: '', protocol: 'TCP', port: 8080 }]
  expect(slices(value)).toEqual([
    {
      ...common,
      name: 'web:endpoints:0:ipv4',
      family: 4,
      ports,
      endpoints: [
        { ...endpoint, address: '10.0.0.1', nodeName: 'n', hostname: 'h', podName: 'web-0' },
        { ...endpoint, address: '10.0.0.2', ready: false, serving: false },
      ],
    },
    { ...common, name: 'web:endpoints:0:ipv6', family: 6, ports, endpoints: [{ ...endpoint, address: 'fd00::1' }] },
    {
      ...common,
      name: 'web:endpoints:1:ipv4',
      family: 4,
      ports: [{ name: 'dns', protocol: 'UDP', port: 53 }],
      endpoints: [{ ...endpoint, address: '10.0.0.3' }],
    },
  ])
})

const subset = { addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }

test.each([
  ['skip-mirror', { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }],
  ['a leader lock', { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }],
])('not mirrored: %s', (_, metadata) => {
  expect(parseObject(endpoints([subset], metadata), '')).toMatchObject({ objects: [], problems: [], failed: [] })
})

test('bad entries are left out, the rest is used', () => {
  const value = endpoints([
    5,
    { addresses: [{ ip: 'x' }, null, { ip: '10.0.0.1' }], ports: [{ port: 0 }, { port: 80 }, { port: 81 }] },
  ])
  const result = parseObject(value, '')
  expect(result.problems.map(({ field }) => field)).toEqual([
    'subsets[0]',
    'subsets[1].ports[0].port',
    'subsets[1].ports[2].name',
    'subsets[1].addresses[0].ip',
    'subsets[1].addresses[1]',
  ])
  expect(result.objects[0]?.value).toMatchObject({ ports: [{ port: 80 }], endpoints: [{ address: '10.0.0.1' }] })
})

test('subsets that are no list', () => {
  expect(parseObject(endpoints('x'), '')).toMatchObject({ objects: [], problems: [{ field: 'subsets' }], failed: [''] })
})
