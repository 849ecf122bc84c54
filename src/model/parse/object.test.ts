import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseKind, parseObject, skippedKindProblems } from './object.ts'

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop', labels: { 'sluice.dev/a': 'b' } },
  spec: {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.1',
    clusterIPs: ['10.96.0.1'],
    externalIPs: ['192.0.2.1'],
    loadBalancerSourceRanges: ['10.0.0.0/8'],
    ports: [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080, targetPort: 'web' }],
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
  },
  status: { loadBalancer: { ingress: [{ ip: '198.51.100.1', ipMode: 'VIP' }] } },
}
const slice = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  addressType: 'IPv4',
  metadata: { name: 'web-abcde', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: [
    {
      addresses: ['10.0.0.1'],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'n',
      zone: 'z',
      targetRef: { kind: 'Pod', name: 'p' },
      hints: { forZones: [{ name: 'z' }] },
    },
  ],
}
const list = (...items: unknown[]): object => ({ apiVersion: 'v1', kind: 'List', items })

describe('kinds', () => {
  const { kind: _, ...kindless } = service
  const cases: [name: string, value: unknown, objects: number, failed?: string[]][] = [
    ['null', null, 0],
    ['a Service', service, 1],
    ['an EndpointSlice', slice, 1],
    ['a List', list(service, slice), 2],
    ['lists in lists', list(list(service), list(list(slice))), 2],
    ['a typed list', { apiVersion: 'v1', kind: 'ServiceList', items: [{ ...kindless, apiVersion: undefined }] }, 1],
    ['an empty list', { apiVersion: 'v1', kind: 'List' }, 0],
    ['null in a list', list(null, service), 1],
    ['a ServiceCIDR', { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: 'kubernetes' } }, 1],
    ['text', 'Service', 0, ['']],
    ['a list without kind', [service], 0, ['']],
    ['no kind', { apiVersion: 'v1' }, 0, ['']],
    ['no apiVersion', { ...service, apiVersion: undefined }, 0, ['']],
    ['kind is a list', { ...service, kind: ['Service'] }, 0, ['']],
    ['items no list', { apiVersion: 'v1', kind: 'List', items: {} }, 0, ['']],
    ['a bad Service beside a good one', list({ ...service, spec: 1 }, service), 1, ['Service shop/web']],
  ]
  test.each(cases)('%s', (_, value, objects, failed = []) => {
    const result = parseObject(value, 'f:1')
    expect(result.objects).toHaveLength(objects)
    expect(result.failed).toEqual(failed)
    expect(result.problems.filter(({ severity }) => severity === 'error')).toHaveLength(failed.length)
    for (const problem of result.problems) expect(problem.origin).toBe('f:1')
  })

  test('unknown kinds are counted, not reported one by one', () => {
    const other = { apiVersion: 'apps/v1', kind: 'Deployment' }
    const knative = { apiVersion: 'serving.knative.dev/v1', kind: 'Service' }
    const result = parseObject(list(other, service, other, knative, { apiVersion: 'v1\n', kind: 'X' }), 'f:1')
    expect(result.problems).toEqual([])
    expect([...result.skippedKinds]).toEqual([
      ['apps/v1 Deployment', 2],
      ['serving.knative.dev/v1 Service', 1],
      ['other kinds', 1],
    ])
    expect(skippedKindProblems(result.skippedKinds, 'f').map(({ object, message }) => `${object}: ${message}`)).toEqual(
      [
        'apps/v1 Deployment: 2 objects skipped: Sluice reads Service, EndpointSlice, Endpoints, Node and ServiceCIDR',
        'serving.knative.dev/v1 Service: 1 object skipped: Sluice reads Service, EndpointSlice, Endpoints, Node and ServiceCIDR',
        'other kinds: 1 object skipped: Sluice reads Service, EndpointSlice, Endpoints, Node and ServiceCIDR',
      ],
    )
  })

  test('lists in lists end somewhere', () => {
    let value: object = list(service)
    for (let i = 0; i < 10_000; i++) value = list(value)
    expect(parseObject(value, '')).toMatchObject({ objects: [], problems: [{ field: 'items' }] })
  })

  test('a kind that is known from elsewhere', () => {
    expect(parseKind('v1', 'Service', { ...kindless, apiVersion: undefined }, '').objects).toHaveLength(1)
  })

  test('the object that a problem names', () => {
    const named = (metadata: unknown): string | undefined =>
      parseObject({ ...service, metadata }, '').problems[0]?.object
    expect(named(undefined)).toBe('Service')
    expect(named({ name: 'a b' })).toBe('Service "a b"')
    expect(named({ name: 'web', namespace: 'a b' })).toBe('Service "a b"/web')
    expect(parseObject({ ...service, spec: 1 }, '').problems[0]?.object).toBe('Service shop/web')
  })
})

describe('any value anywhere', { timeout: 60_000 }, () => {
  /** Paths of all fields and entries of a value, but for those that say which object it is. */
  function paths(value: unknown, path: string[] = []): string[][] {
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
    const nested = entries.flatMap(([key, inner]) => paths(inner, [...path, key]))
    return path.length === 0 ? nested : [path, ...nested]
  }

  function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
    if (key === undefined) return by
    if (Array.isArray(value)) {
      return value.map((inner: unknown, i) => (String(i) === key ? replaced(inner, rest, by) : inner))
    }
    const object = value as Record<string, unknown>
    return { ...object, [key]: replaced(object[key], rest, by) }
  }

  const anything = fc.oneof(
    fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withTypedArray: true,
      withSparseArray: true,
    }),
    fc.jsonValue(),
    fc.integer(),
    fc.constantFrom(
      '__proto__',
      'constructor',
      '',
      '\u0000',
      'x'.repeat(100_000),
      -0,
      Number.NaN,
      1e400,
      65536,
      '::',
      '0.0.0.0',
    ),
    fc.constant(JSON.parse('{"__proto__": {"name": "x", "kind": "Service"}}')),
  )

  const other = { ...service, metadata: { name: 'other', namespace: 'quiet' } }
  const expected = parseObject(other, '').objects[0]

  test.each([
    ['Service', service],
    ['EndpointSlice', slice],
  ])('a mutated %s never throws or harms another', (_, value) => {
    const where = fc.constantFrom(...paths(value))
    fc.assert(
      fc.property(fc.array(fc.tuple(where, anything), { minLength: 1, maxLength: 4 }), (mutations) => {
        const mutated = mutations.reduce<unknown>((object, [path, by]) => safeReplace(object, path, by), value)
        const result = parseObject(list(mutated, other), '')
        expect(result.objects).toContainEqual(expected)
        for (const problem of result.problems) expect(problem.message.length).toBeLessThan(400)
        expect(result.problems.every(({ object }) => object !== 'Service quiet/other')).toBe(true)
        expect(result.failed).toHaveLength(result.problems.filter(({ severity }) => severity === 'error').length)
      }),
      { numRuns: 2000 },
    )
  })

  /** An earlier mutation may have replaced the way to this one. */
  function safeReplace(value: unknown, path: readonly string[], by: unknown): unknown {
    let at: unknown = value
    for (const key of path.slice(0, -1)) {
      at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined
    }
    return typeof at === 'object' && at !== null ? replaced(value, path, by) : value
  }
})
