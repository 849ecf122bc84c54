import { describe, expect, test } from 'vitest'
import type { Service } from '../service.ts'
import { parseObject } from './object.ts'

type Json = Record<string, unknown>

const metadata = { name: 'web', namespace: 'shop' }
const http = { name: 'http', port: 80 }

function service(spec: Json, more: Json = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { clusterIP: '10.96.0.1', ports: [http], ...spec },
    ...more,
  }
}

function ingress(...entries: unknown[]): Json {
  return { status: { loadBalancer: { ingress: entries } } }
}

/** What came out, and the problems as `severity field`. */
function parse(value: unknown): { value: Service | undefined; problems: string[]; messages: string[] } {
  const result = parseObject(value, 'f:1')
  const [object] = result.objects
  expect(result.objects.length).toBeLessThanOrEqual(1)
  return {
    value: object?.kind === 'Service' ? object.value : undefined,
    problems: result.problems.map((problem) => `${problem.severity} ${problem.field}`),
    messages: result.problems.map((problem) => problem.message),
  }
}

test('a whole Service', () => {
  const value = service(
    {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.1',
      clusterIPs: ['10.96.0.1', 'FD00::0001'],
      externalIPs: ['192.0.2.1', '192.0.2.1'],
      externalTrafficPolicy: 'Local',
      internalTrafficPolicy: 'Local',
      sessionAffinity: 'ClientIP',
      loadBalancerSourceRanges: [' 10.1.2.3/8 ', 'fd00::/8'],
      healthCheckNodePort: 32000,
      ports: [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080, targetPort: 'web' }],
    },
    {
      metadata: {
        ...metadata,
        creationTimestamp: '2026-01-02T03:04:05Z',
        labels: { app: 'web', 'service.kubernetes.io/headless': '' },
        annotations: { 'sluice.dev/mode': 'dsr', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
      },
      ...ingress({ ip: '198.51.100.1' }),
    },
  )
  expect(parse(value)).toEqual({
    problems: [],
    messages: [],
    value: {
      namespace: 'shop',
      name: 'web',
      type: 'LoadBalancer',
      creationTimestamp: Date.UTC(2026, 0, 2, 3, 4, 5),
      clusterIPs: ['10.96.0.1', 'fd00::1'],
      externalIPs: ['192.0.2.1'],
      loadBalancerIPs: ['198.51.100.1'],
      ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30080, targetPort: 'web' }],
      externalTrafficPolicy: 'Local',
      internalTrafficPolicy: 'Local',
      clientIPAffinitySeconds: 10800,
      loadBalancerSourceRanges: ['10.0.0.0/8', 'fd00::/8'],
      healthCheckNodePort: 32000,
      labels: { 'service.kubernetes.io/headless': '' },
      annotations: { 'sluice.dev/mode': 'dsr' },
    },
  })
})

describe('what a field gives', () => {
  const cases: [name: string, value: Json, field: keyof Service, expected: unknown, problems?: string[]][] = [
    ['namespace is default (A)', service({}, { metadata: { name: 'web' } }), 'namespace', 'default'],
    ['type is ClusterIP', service({}), 'type', 'ClusterIP'],
    ['promise 2: ExternalName is kept', service({ type: 'ExternalName' }), 'type', 'ExternalName'],
    ['promise 1: None', service({ clusterIP: 'None', clusterIPs: ['None'] }), 'clusterIPs', []],
    ['promise 1: empty', service({ clusterIP: '' }), 'clusterIPs', [], ['warning spec.clusterIP']],
    [
      'promise 18: families',
      service({ clusterIPs: ['fd00::1', '10.96.0.1'], clusterIP: 'fd00::1' }),
      'clusterIPs',
      ['fd00::1', '10.96.0.1'],
    ],
    ['promise 19: leading zeros', service({ clusterIP: '010.096.000.001' }), 'clusterIPs', ['10.96.0.1']],
    ['no creation time', service({}), 'creationTimestamp', 0],
    ['no labels', service({}), 'labels', {}],
    ['no affinity', service({}), 'clientIPAffinitySeconds', undefined],
    [
      'affinity timeout',
      service({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }),
      'clientIPAffinitySeconds',
      60,
    ],
    [
      'affinity timeout out of range',
      service({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } } }),
      'clientIPAffinitySeconds',
      10800,
      ['warning spec.sessionAffinityConfig.clientIP.timeoutSeconds'],
    ],
    [
      'unknown affinity',
      service({ sessionAffinity: 'Cookie' }),
      'clientIPAffinitySeconds',
      undefined,
      ['warning spec.sessionAffinity'],
    ],
    [
      'unknown policy',
      service({ externalTrafficPolicy: 'local' }),
      'externalTrafficPolicy',
      'Cluster',
      ['warning spec.externalTrafficPolicy'],
    ],
    [
      'two clusterIPs of a family',
      service({ clusterIPs: ['10.96.0.1', '10.96.0.2'] }),
      'clusterIPs',
      ['10.96.0.1'],
      ['warning spec.clusterIPs[1]'],
    ],
    [
      'clusterIP beside clusterIPs',
      service({ clusterIPs: ['10.96.0.2'] }),
      'clusterIPs',
      ['10.96.0.2'],
      ['warning spec.clusterIP'],
    ],
    [
      'a bad external IP',
      service({ externalIPs: ['192.0.2.1', '127.0.0.1', 7] }),
      'externalIPs',
      ['192.0.2.1'],
      ['warning spec.externalIPs[1]', 'warning spec.externalIPs[2]'],
    ],
    [
      'external IPs that are no list',
      service({ externalIPs: '192.0.2.1' }),
      'externalIPs',
      [],
      ['warning spec.externalIPs'],
    ],
    [
      'a bad creation time',
      service({}, { metadata: { ...metadata, creationTimestamp: 'soon' } }),
      'creationTimestamp',
      0,
      ['warning metadata.creationTimestamp'],
    ],
    [
      'a label that is no text',
      service({}, { metadata: { ...metadata, labels: { 'service.kubernetes.io/headless': true } } }),
      'labels',
      { 'service.kubernetes.io/headless': 'true' },
      ['warning metadata.labels["service.kubernetes.io/headless"]'],
    ],
    [
      'labels that are no mapping',
      service({}, { metadata: { ...metadata, labels: ['x'] } }),
      'labels',
      {},
      ['warning metadata.labels'],
    ],
    [
      'health check port out of range',
      service({ healthCheckNodePort: -1 }),
      'healthCheckNodePort',
      0,
      ['warning spec.healthCheckNodePort'],
    ],
  ]
  test.each(cases)('%s', (_, value, field, expected, problems = []) => {
    const result = parse(value)
    expect(result.problems).toEqual(problems)
    expect(result.value?.[field]).toEqual(expected)
  })
})

test.each([
  ['externalIPs', ['192.0.2.1', '2001:db8::1']],
  ['loadBalancerSourceRanges', ['2001:db8::/32']],
])('%s of a family that the Service does not have are told (promise 18)', (field, entries) => {
  const problems = parse(service({ clusterIP: '10.96.0.1', [field]: entries })).problems
  expect(problems).toEqual([`warning spec.${field}`])
  expect(parse(service({ clusterIPs: ['10.96.0.1', 'fd00::1'], [field]: entries })).problems).toEqual([])
})

describe('load-balancer addresses', () => {
  const lb = (spec: Json, ...entries: unknown[]): Json =>
    service({ type: 'LoadBalancer', ...spec }, ingress(...entries))
  const vip = { ip: '198.51.100.1' }
  const vip6 = { ip: '2001:db8::1' }
  const cases: [name: string, value: Json, expected: string[], problems?: string[]][] = [
    ['promise 28: no ipMode', lb({}, vip), ['198.51.100.1']],
    ['promise 28: VIP', lb({}, { ...vip, ipMode: 'VIP' }), ['198.51.100.1']],
    ['promise 28: Proxy', lb({}, { ...vip, ipMode: 'Proxy' }), []],
    ['promise 28: hostname', lb({}, { hostname: 'lb.example.com' }), []],
    ['unknown ipMode', lb({}, { ...vip, ipMode: 'Tunnel' }), [], ['warning status.loadBalancer.ingress[0].ipMode']],
    [
      'a bad ingress',
      lb({}, 'x', { ip: '0.0.0.0' }, vip),
      ['198.51.100.1'],
      ['warning status.loadBalancer.ingress[0]', 'warning status.loadBalancer.ingress[1].ip'],
    ],
    ['another type', service({ type: 'NodePort' }, ingress(vip)), []],
    [
      'one bad range of two',
      lb({ loadBalancerSourceRanges: ['10.0.0.0/8', '10.0.0.0/33'] }, vip),
      ['198.51.100.1'],
      ['warning spec.loadBalancerSourceRanges[1]'],
    ],
    [
      'all ranges bad: not open to all',
      lb({ loadBalancerSourceRanges: ['nonsense', 5] }, vip, vip6),
      [],
      [
        'warning spec.loadBalancerSourceRanges[0]',
        'warning spec.loadBalancerSourceRanges[1]',
        'warning spec.loadBalancerSourceRanges',
      ],
    ],
    [
      'all ranges of a family bad',
      lb({ clusterIPs: ['10.96.0.1', 'fd00::1'], loadBalancerSourceRanges: ['10.0.0.0/33', 'fd00::/8'] }, vip, vip6),
      ['2001:db8::1'],
      ['warning spec.loadBalancerSourceRanges[0]', 'warning spec.loadBalancerSourceRanges'],
    ],
    [
      'ranges that are no list',
      lb({ loadBalancerSourceRanges: '10.0.0.0/8' }, vip),
      [],
      ['warning spec.loadBalancerSourceRanges', 'warning spec.loadBalancerSourceRanges'],
    ],
    ['promise 59: empty ranges', lb({ loadBalancerSourceRanges: [] }, vip), ['198.51.100.1']],
  ]
  test.each(cases)('%s', (_, value, expected, problems = []) => {
    const result = parse(value)
    expect(result.problems).toEqual(problems)
    expect(result.value?.loadBalancerIPs).toEqual(expected)
  })
})

describe('ports', () => {
  const nodePort = (...ports: unknown[]): Json => service({ type: 'NodePort', ports })
  const cases: [name: string, value: Json, names: string[], problems?: string[]][] = [
    [
      'promise 29: one node port for TCP and UDP',
      nodePort({ name: 'a', port: 53, nodePort: 30053 }, { name: 'b', port: 53, protocol: 'UDP', nodePort: 30053 }),
      ['a TCP 53 30053', 'b UDP 53 30053'],
    ],
    ['no name, no protocol', nodePort({ port: 80 }), [' TCP 80 0']],
    [
      'out of range',
      nodePort({ name: 'a', port: 65536 }, { name: 'b', port: 0 }, { name: 'c', port: 1 }),
      ['c TCP 1 0'],
      ['warning spec.ports[0].port', 'warning spec.ports[1].port'],
    ],
    [
      'no number',
      nodePort({ name: 'a', port: '80' }, { name: 'b' }, { name: 'c', port: 1.5 }, http),
      ['http TCP 80 0'],
      ['warning spec.ports[0].port', 'warning spec.ports[1].port', 'warning spec.ports[2].port'],
    ],
    [
      'unknown protocol',
      nodePort({ name: 'a', port: 1, protocol: 'tcp' }, http),
      ['http TCP 80 0'],
      ['warning spec.ports[0].protocol'],
    ],
    ['same name', nodePort(http, { name: 'http', port: 81 }), ['http TCP 80 0'], ['warning spec.ports[1].name']],
    [
      'same port and protocol',
      nodePort(http, { name: 'b', port: 80 }),
      ['http TCP 80 0'],
      ['warning spec.ports[1].port'],
    ],
    ['bad name', nodePort({ name: 'a/b', port: 1 }, http), ['http TCP 80 0'], ['warning spec.ports[0].name']],
    ['no mapping', nodePort(null, 'x', http), ['http TCP 80 0'], ['warning spec.ports[0]', 'warning spec.ports[1]']],
    [
      'bad node port: the rest of the port is used',
      nodePort({ ...http, nodePort: 70000 }),
      ['http TCP 80 0'],
      ['warning spec.ports[0].nodePort'],
    ],
    [
      'same node port',
      nodePort({ ...http, nodePort: 30000 }, { name: 'b', port: 81, nodePort: 30000 }),
      ['http TCP 80 30000', 'b TCP 81 0'],
      ['warning spec.ports[1].nodePort'],
    ],
    [
      'node port of a ClusterIP Service',
      service({ ports: [{ ...http, nodePort: 30000 }] }),
      ['http TCP 80 0'],
      ['warning spec.ports[0].nodePort'],
    ],
    [
      'bad target port',
      nodePort({ ...http, targetPort: 70000 }),
      ['http TCP 80 0'],
      ['warning spec.ports[0].targetPort'],
    ],
    ['none', nodePort(), []],
  ]
  test.each(cases)('%s', (_, value, expected, problems = []) => {
    const result = parse(value)
    expect(result.problems).toEqual(problems)
    const ports = result.value?.ports.map((port) => `${port.name} ${port.protocol} ${port.port} ${port.nodePort}`)
    expect(ports).toEqual(expected)
  })
})

describe('a Service that cannot be used', () => {
  const cases: [name: string, value: Json, field: string][] = [
    ['no metadata', service({}, { metadata: undefined }), 'metadata'],
    ['no name', service({}, { metadata: {} }), 'metadata.name'],
    ['name is a number', service({}, { metadata: { name: 7 } }), 'metadata.name'],
    ['name with a slash', service({}, { metadata: { name: 'a/b' } }), 'metadata.name'],
    ['name with a space', service({}, { metadata: { name: 'a b' } }), 'metadata.name'],
    ['name too long', service({}, { metadata: { name: 'a'.repeat(254) } }), 'metadata.name'],
    ['name of a prototype', service({}, { metadata: { name: '__proto__' } }), 'metadata.name'],
    ['bad namespace', service({}, { metadata: { name: 'web', namespace: 'a/b' } }), 'metadata.namespace'],
    ['no spec', service({}, { spec: undefined }), 'spec'],
    ['bad clusterIP', service({ clusterIP: '10.96.0.256' }), 'spec.clusterIP'],
    ['clusterIP is a number', service({ clusterIP: 10 }), 'spec.clusterIP'],
    ['loopback clusterIP', service({ clusterIP: '127.0.0.1' }), 'spec.clusterIP'],
    ['unspecified clusterIP', service({ clusterIP: '::' }), 'spec.clusterIP'],
    ['multicast clusterIP', service({ clusterIPs: ['10.96.0.1', 'ff02::1'] }), 'spec.clusterIPs[1]'],
    ['clusterIPs no list', service({ clusterIPs: '10.96.0.1' }), 'spec.clusterIPs'],
    ['ports no list', service({ ports: { http: 80 } }), 'spec.ports'],
    ['unknown type', service({ type: 'Loadbalancer' }), 'spec.type'],
  ]
  test.each(cases)('%s', (_, value, field) => {
    expect(parse(value)).toMatchObject({ value: undefined, problems: [`error ${field}`] })
  })

  test('no usable port', () => {
    expect(parse(service({ ports: [{ port: 0 }] }))).toMatchObject({
      value: undefined,
      problems: ['warning spec.ports[0].port', 'error spec.ports'],
    })
  })
})

test('messages say what was found, in one short line, and what is accepted', () => {
  expect(parse(service({ type: `\n${'x'.repeat(200)}` })).messages).toEqual([
    `found "\\n${'x'.repeat(79)}"...; accepted: ClusterIP, NodePort, LoadBalancer, ExternalName`,
  ])
  expect(parse(service({ ports: [http, { name: 'b', port: 70000 }] })).messages).toEqual([
    'found 70000; accepted: a whole number from 1 to 65535',
  ])
})

test('an object with very many problems tells the first twenty and how many more', () => {
  const ports = [http, ...Array.from({ length: 100 }, (_, i) => ({ name: `p${i}`, port: 0 }))]
  const result = parse(service({ ports }))
  expect(result.value?.ports).toHaveLength(1)
  expect(result.messages).toHaveLength(21)
  expect(result.messages.at(-1)).toBe('80 more problems of this object')
})
