import { describe, expect, test } from 'vitest'
import type { EndpointSlice } from '../endpoint-slice.ts'
import type { Service } from '../service.ts'
import { isKpngState, parseKpngState } from './kpng.ts'

type Json = Record<string, unknown>

const port = { name: 'http', protocol: 1, port: 80, nodeport: 0, targetport: 8080, targetportname: '' }

function state(service: Json, ...endpoints: unknown[]): Json {
  const base = {
    namespace: 'shop',
    name: 'web',
    type: 'ClusterIP',
    ips: { clusterips: { v4: ['10.96.0.1'], v6: [] } },
    ports: [port],
  }
  return { nodes: [], services: [{ service: { ...base, ...service }, endpoints }] }
}

function parse(value: unknown): { service: Service | undefined; slices: EndpointSlice[]; problems: string[] } {
  const { objects, problems } = parseKpngState(value, 'f:1')
  return {
    service: objects.find((object) => object.kind === 'Service')?.value,
    slices: objects.flatMap((object) => (object.kind === 'EndpointSlice' ? [object.value] : [])),
    problems: problems.map((problem) => `${problem.severity} ${problem.field}`),
  }
}

test('the state is told from Kubernetes objects by its shape', () => {
  expect(isKpngState({ nodes: [], services: [] })).toBe(true)
  expect(isKpngState({ services: null })).toBe(true)
  expect(isKpngState({ apiVersion: 'v1', kind: 'X', services: [] })).toBe(false)
  for (const value of [null, [], 'services', {}, 5]) expect(isKpngState(value)).toBe(false)
})

test('a whole service', () => {
  const value = state({
    type: 'LoadBalancer',
    labels: { 'service.kubernetes.io/service-proxy-name': 'x', app: 'y' },
    annotations: null,
    ips: {
      clusterips: { v4: ['10.96.0.1'], v6: ['fd00::1'] },
      externalips: { v4: ['192.0.2.1'], v6: null },
      loadbalancerips: { v4: ['198.51.100.1'], v6: [] },
      headless: false,
    },
    ipfilters: [{ targetips: null, sourceranges: ['10.0.0.0/8'] }],
    mapip: false,
    ports: [
      { ...port, nodeport: 30080 },
      { name: 'dns', protocol: 2, port: 53, targetportname: 'dns' },
    ],
    externaltraffictolocal: true,
    internaltraffictolocal: true,
    sessionaffinity: { clientip: { timeoutseconds: 60 } },
    healthchecknodeport: 32000,
  })
  const { service, problems } = parse(value)
  expect(problems).toEqual([])
  expect(service).toEqual({
    namespace: 'shop',
    name: 'web',
    type: 'LoadBalancer',
    creationTimestamp: 0,
    clusterIPs: ['10.96.0.1', 'fd00::1'],
    externalIPs: ['192.0.2.1'],
    loadBalancerIPs: ['198.51.100.1'],
    ports: [
      { name: 'http', protocol: 'TCP', port: 80, nodePort: 30080, targetPort: 8080 },
      { name: 'dns', protocol: 'UDP', port: 53, nodePort: 0, targetPort: 'dns' },
    ],
    externalTrafficPolicy: 'Local',
    internalTrafficPolicy: 'Local',
    clientIPAffinitySeconds: 60,
    loadBalancerSourceRanges: ['10.0.0.0/8'],
    healthCheckNodePort: 32000,
    labels: { 'service.kubernetes.io/service-proxy-name': 'x' },
    annotations: {},
  })
})

describe('what a field gives', () => {
  const lb = { clusterips: { v4: ['10.96.0.1'] }, loadbalancerips: { v4: ['198.51.100.1', '198.51.100.2'] } }
  const filter = (...targets: string[]): Json => ({
    type: 'LoadBalancer',
    ips: lb,
    ipfilters: [{ targetips: { v4: targets }, sourceranges: ['10.0.0.0/8'] }],
  })
  const cases: [name: string, service: Json, expected: Partial<Service>, problems?: string[]][] = [
    ['no namespace', { namespace: '' }, { namespace: 'default' }],
    [
      'affinity that KPNG wrote',
      { sessionaffinity: { clientip: { timeoutseconds: 10800 } } },
      { clientIPAffinitySeconds: 10800 },
    ],
    ['affinity without timeout', { sessionaffinity: { clientip: {} } }, { clientIPAffinitySeconds: 10800 }],
    ['no affinity', { sessionaffinity: null }, { clientIPAffinitySeconds: undefined }],
    ['no type', { type: '', ports: [{ ...port, nodeport: 30000 }] }, { type: 'NodePort' }],
    ['no type, load balancer', { type: undefined, ips: lb }, { type: 'LoadBalancer' }],
    ['headless', { ips: { headless: true, clusterips: { v4: [] } } }, { clusterIPs: [] }],
    ['clusterip of old files', { ips: { clusterip: '1.0.0.1' } }, { clusterIPs: ['1.0.0.1'] as never }],
    [
      'protocol by name',
      { ports: [{ port: 1, protocol: 'SCTP' }] },
      { ports: [{ name: '', protocol: 'SCTP', port: 1, nodePort: 0, targetPort: undefined }] },
    ],
    [
      'unknown protocol',
      { ports: [port, { name: 'b', port: 1, protocol: 0 }] },
      { ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 0, targetPort: 8080 }] },
      ['warning service.ports[1].protocol'],
    ],
    [
      'filter of all addresses',
      filter('198.51.100.1', '198.51.100.2'),
      { loadBalancerSourceRanges: ['10.0.0.0/8'] as never, loadBalancerIPs: ['198.51.100.1', '198.51.100.2'] as never },
    ],
    [
      'filter of one address',
      filter('198.51.100.1'),
      { loadBalancerSourceRanges: [], loadBalancerIPs: ['198.51.100.2'] as never },
      ['warning service.ipfilters[0].targetips'],
    ],
    [
      'filter without usable ranges',
      { type: 'LoadBalancer', ips: lb, ipfilters: [{ sourceranges: ['x.y'] }] },
      { loadBalancerIPs: [] },
      ['warning service.ipfilters[0].sourceranges[0]', 'warning service.ipfilters'],
    ],
  ]
  test.each(cases)('%s', (_, fields, expected, problems = []) => {
    const result = parse(state(fields))
    expect(result.problems).toEqual(problems)
    expect(result.service).toMatchObject(expected)
  })
})

describe('endpoints', () => {
  const info = (endpoint: Json, fields: Json = {}): Json => ({
    hash: 1,
    namespace: 'shop',
    sourcename: 'web-abcde',
    servicename: 'web',
    podname: 'web-0',
    endpoint: {
      hostname: '',
      ips: { v4: ['10.0.0.1'], v6: [] },
      local: false,
      portoverrides: [],
      scopes: null,
      ...endpoint,
    },
    conditions: { ready: true },
    topology: { node: 'n', zone: 'z' },
    hints: { zones: ['z'] },
    ...fields,
  })

  test('a whole endpoint', () => {
    const { slices, problems } = parse(state({}, info({ hostname: 'h' })))
    expect(problems).toEqual([])
    expect(slices).toEqual([
      {
        namespace: 'shop',
        name: 'web-abcde',
        service: 'shop/web',
        family: 4,
        ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
        endpoints: [
          {
            address: '10.0.0.1',
            ready: true,
            serving: true,
            terminating: false,
            nodeName: 'n',
            zone: 'z',
            hostname: 'h',
            podName: 'web-0',
            hintZones: ['z'],
            hintNodes: [],
          },
        ],
      },
    ])
  })

  test('slices by source, family and ports', () => {
    const { slices } = parse(
      state(
        {},
        info({ ips: { v4: ['10.0.0.1'], v6: ['fd00::1'] } }),
        info({ ips: { v4: ['10.0.0.2'] } }),
        info({ ips: { v4: ['10.0.0.3'] }, portoverrides: [{ name: 'http', port: 9090 }] }),
        info({ ips: { v4: ['10.0.0.4'] } }, { sourcename: '' }),
        info({ ips: { v4: ['10.0.0.5'] } }, { sourcename: 'else' }),
      ),
    )
    const told = slices.map(({ name, family, ports, endpoints }) => [
      name,
      family,
      ports[0]?.port,
      ...endpoints.map((e) => e.address),
    ])
    expect(told).toEqual([
      ['web-abcde', 4, 8080, '10.0.0.1', '10.0.0.2'],
      ['web-abcde:1', 6, 8080, 'fd00::1'],
      ['web-abcde:2', 4, 9090, '10.0.0.3'],
      ['web', 4, 8080, '10.0.0.4'],
      ['web:else', 4, 8080, '10.0.0.5'],
    ])
  })

  test.each([
    ['missing conditions', { conditions: undefined }, { ready: true, serving: true }],
    ['conditions null', { conditions: null }, { ready: true }],
    ['not ready', { conditions: { ready: false } }, { ready: false, serving: false }],
    ['no topology', { topology: null }, { nodeName: '', zone: '' }],
    ['topology of old files', { topology: { 'kubernetes.io/hostname': 'vm-1' } }, { nodeName: 'vm-1' }],
    ['node name of old files', { topology: {}, nodename: 'vm-1' }, { nodeName: 'vm-1' }],
    ['no hints', { hints: null }, { hintZones: [] }],
  ])('%s', (_, fields, expected) => {
    const { slices, problems } = parse(state({}, info({}, fields)))
    expect(problems).toEqual([])
    expect(slices[0]?.endpoints[0]).toMatchObject(expected)
  })

  const unnamed = { name: '', protocol: 1, port: 80 }
  const ports: [name: string, port: Json, overrides: Json[], expected: (number | undefined)[], problems?: string[]][] =
    [
      [
        'override by port name',
        { ...port, targetportname: 'web' },
        [
          { name: 'web', port: 1 },
          { name: 'http', port: 2 },
        ],
        [2],
      ],
      ['override by target port name', { ...unnamed, targetportname: 'web' }, [{ name: 'web', port: 1 }], [1]],
      ['target port', port, [], [8080]],
      ['own port', unnamed, [], [80]],
      ['unnamed port, other overrides', { ...unnamed, targetport: 8080 }, [{ name: 'x', port: 1 }], [8080]],
      ['promise 10: named port, other overrides', port, [{ name: 'x', port: 1 }], []],
      [
        'named target that nothing resolves',
        { ...unnamed, targetportname: 'web' },
        [],
        [],
        ['warning endpoints[0].endpoint.portoverrides'],
      ],
      ['bad override', port, [{ name: 'http', port: 0 }], [], ['warning endpoints[0].endpoint.portoverrides[0].port']],
    ]
  test.each(ports)('target port: %s', (_, servicePort, portoverrides, expected, problems = []) => {
    const result = parse(state({ ports: [servicePort] }, info({ portoverrides })))
    expect(result.problems).toEqual(problems)
    expect(result.slices[0]?.ports.map(({ port }) => port)).toEqual(expected)
  })

  test('bad entries are left out', () => {
    const result = parse(
      state({}, 5, {}, info({ ips: { v4: ['x'] } }), info({}, { conditions: { ready: 1 } }), info({})),
    )
    expect(result.problems).toEqual([
      'warning endpoints[0]',
      'warning endpoints[1].endpoint',
      'warning endpoints[2].endpoint.ips.v4[0]',
      'warning endpoints[3].conditions.ready',
    ])
    expect(result.slices[0]?.endpoints).toHaveLength(1)
  })
})

test('nodes', () => {
  const value = {
    nodes: [{ name: 'n', labels: { 'kubernetes.io/hostname': 'n' }, topology: { zone: 'z' } }, { name: '' }, 1],
  }
  const { objects, problems, failed } = parseKpngState(value, '')
  expect(objects).toEqual([
    {
      kind: 'Node',
      value: {
        name: 'n',
        labels: { 'kubernetes.io/hostname': 'n', 'topology.kubernetes.io/zone': 'z' },
        annotations: {},
        addresses: [],
        podCIDRs: [],
        isLeaving: false,
      },
    },
  ])
  expect(problems.map(({ field }) => field)).toEqual(['name', 'nodes'])
  expect(failed).toEqual(['', ''])
})

test('a service that cannot be used changes nothing about the others', () => {
  const value = {
    services: [
      { service: { name: 'a/b' } },
      {},
      ...(state({})['services'] as unknown[]),
      { service: { name: 'x', ips: { clusterips: { v4: ['x'] } } } },
    ],
  }
  const { objects, problems, failed } = parseKpngState(value, '')
  expect(objects).toHaveLength(1)
  expect(problems.map(({ severity, field }) => `${severity} ${field}`)).toEqual([
    'error service.name',
    'error service',
    'error service.ips.clusterips',
  ])
  expect(failed).toHaveLength(3)
  expect(parseKpngState({ services: 5 }, '').problems).toHaveLength(1)
})
