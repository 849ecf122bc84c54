import { describe, expect, test } from 'vitest'
import { endpointSlice } from '../../sluice/manifests.ts'
import { ask, type Query } from '../client.ts'
import { bedOf, type Cases, future, names } from './bed.ts'

/** The question of a test, given a resource version that was passed. */
type Ask = (before: string) => Query

const LISTS: readonly (readonly [what: string, ask: Ask, expected: readonly string[] | number])[] = [
  ['nothing: the present', () => ({}), ['a', 'b']],
  ['0: any, without pages', () => ({ resourceVersion: '0', limit: '1' }), ['a', 'b']],
  ['a version: not older', (before) => ({ resourceVersion: before }), ['a', 'b']],
  ['a version with a limit: exactly', (before) => ({ resourceVersion: before, limit: '5' }), ['a']],
  [
    'NotOlderThan with a limit',
    (before) => ({ resourceVersion: before, resourceVersionMatch: 'NotOlderThan', limit: '5' }),
    ['a', 'b'],
  ],
  ['Exact', (before) => ({ resourceVersion: before, resourceVersionMatch: 'Exact' }), ['a']],
  ['a limit below zero: none', () => ({ limit: '-1' }), ['a', 'b']],
  ['a watch that is none', () => ({ watch: 'false' }), ['a', 'b']],
  ['a match without a version', () => ({ resourceVersionMatch: 'Exact' }), 422],
  ['exactly 0', () => ({ resourceVersion: '0', resourceVersionMatch: 'Exact' }), 422],
  ['an unknown match', (before) => ({ resourceVersion: before, resourceVersionMatch: 'Some' }), 422],
  ['a match with a continuation', () => ({ continue: 'x', resourceVersion: '1', resourceVersionMatch: 'Exact' }), 422],
  ['initial events', () => ({ sendInitialEvents: 'true' }), 422],
  ['no continuation', () => ({ continue: 'nonsense' }), 400],
  ['no version', () => ({ resourceVersion: 'x' }), 400],
  ['no limit', () => ({ limit: 'x' }), 400],
  ['no time', () => ({ timeoutSeconds: 'x' }), 400],
]

const LABELS: readonly (readonly [selector: string, expected: readonly string[] | number])[] = [
  ['app=web', ['a', 'd']],
  ['app==web', ['a', 'd']],
  ['app = web', ['a', 'd']],
  ['app!=web', ['b', 'c']],
  ['app', ['a', 'b', 'd']],
  ['!app', ['c']],
  ['!service.kubernetes.io/headless,!app', ['c']],
  ['app in (web, db)', ['a', 'b', 'd']],
  ['app in ()', []],
  ['app notin (web)', ['b', 'c']],
  ['app in (web),tier', ['d']],
  ['app,!tier', ['a', 'b']],
  ['tier=', ['d']],
  ['rank>2', ['b']],
  ['rank<3', ['a']],
  ['app=we=b', 400],
  ['app in web', 400],
  ['app in (we b)', 400],
  ['app=-x', 400],
  ['rank>x', 400],
  ['!app,', 400],
  [',', 400],
]

const FIELDS: readonly (readonly [selector: string, expected: readonly string[] | number])[] = [
  ['metadata.name=a', ['a']],
  ['metadata.name==a,', ['a']],
  ['metadata.name!=a', ['b']],
  ['metadata.namespace=elsewhere', []],
  ['spec.clusterIP=None', ['a', 'b']],
  ['spec.type!=ClusterIP', []],
  ['spec.clusterIPs=None', 400],
  ['metadata.name', 400],
]

export const listCases: Cases = (server) => {
  const bed = bedOf(server)

  describe('a list', () => {
    test('and those of other collections have their versions from one counter', async () => {
      const first = await bed().create('a')
      const ports = [{ port: 8080 }]
      const slice = endpointSlice('a', { namespace: bed().namespace, ports, endpoints: ['10.244.0.1'] })
      const second = await server().create(slice)
      expect(Number(second)).toBeGreaterThan(Number(first))
      const path = `/apis/discovery.k8s.io/v1/namespaces/${bed().namespace}/endpointslices`
      const [services, slices] = [await bed().list(), await ask(server(), path)]
      expect(services.body).toMatchObject({ kind: 'ServiceList', apiVersion: 'v1' })
      expect(services.body.items).toMatchObject([{ metadata: { resourceVersion: first } }])
      expect(slices.body.items).toMatchObject([{ metadata: { resourceVersion: second } }])
      expect(Number(services.body.metadata?.resourceVersion)).toBeGreaterThanOrEqual(Number(second))
      expect(services.body.items?.[0]).not.toHaveProperty('kind')
    })

    test.each(LISTS)('for %s', async (_what, query, expected) => {
      const before = await bed().create('a')
      await bed().create('b')
      const answer = await bed().list(query(before))
      if (typeof expected !== 'number') return expect(names(answer)).toEqual(expected)
      const reason = expected === 422 ? 'Invalid' : 'BadRequest'
      expect(answer).toMatchObject({ status: expected, body: { kind: 'Status', code: expected, reason } })
    })

    test('tells all that is wrong with its options', async () => {
      const { body } = await bed().list({ sendInitialEvents: 'true', resourceVersionMatch: 'Some' })
      expect(body.details?.causes).toMatchObject([
        { reason: 'FieldValueForbidden', field: 'resourceVersionMatch' },
        { reason: 'FieldValueNotSupported', field: 'resourceVersionMatch' },
        { reason: 'FieldValueForbidden', field: 'sendInitialEvents' },
      ])
      expect(body.message).toContain('supported values: "Exact", "NotOlderThan", ""')
    })

    test('of a version that is still to come is refused, and told by its cause', async () => {
      const version = future(await bed().create('a'))
      const queries: Query[] = [
        { resourceVersion: version },
        { resourceVersion: version, limit: '1' },
        { resourceVersion: version, resourceVersionMatch: 'Exact' },
        { resourceVersion: version, resourceVersionMatch: 'NotOlderThan', limit: '1' },
      ]
      for (const answer of await Promise.all(queries.map(async (query) => bed().list(query)))) {
        expect(answer).toMatchObject({ status: 504, body: { kind: 'Status', reason: 'Timeout', code: 504 } })
        const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]
        expect(answer.body.details).toEqual({ causes, retryAfterSeconds: 1 })
        expect(answer.body.message).toMatch(new RegExp(`^Timeout: Too large resource version: ${version}, current: `))
        expect(answer.headers['retry-after']).toBe('1')
      }
    })

    test.each(LABELS)('selects labels by %s', async (labelSelector, expected) => {
      const labels = { a: { app: 'web', rank: '2' }, b: { app: 'db', rank: '3' }, c: {}, d: { app: 'web', tier: '' } }
      for (const [name, of] of Object.entries(labels)) await server().create(bed().web(name, of))
      const answer = await bed().list({ labelSelector })
      expect(names(answer) ?? answer.status).toEqual(expected)
    })

    test.each(FIELDS)('selects fields by %s', async (fieldSelector, expected) => {
      await bed().create('a', 'b')
      const answer = await bed().list({ fieldSelector })
      expect(names(answer) ?? answer.status).toEqual(expected)
    })

    test('of all namespaces has those of each, selected by its name', async () => {
      await bed().create('b', 'a')
      const other = await server().namespace()
      await server().create({ ...bed().web('c'), metadata: { namespace: other, name: 'c' } })
      const answer = await ask(server(), '/api/v1/services', { fieldSelector: `metadata.namespace=${bed().namespace}` })
      expect(names(answer)).toEqual(['a', 'b'])
      expect(names(await ask(server(), '/api/v1/services'))).toEqual(expect.arrayContaining(['a', 'b', 'c']))
      expect(names(await ask(server(), `/api/v1/namespaces/${other}/services`))).toEqual(['c'])
    })
  })

  describe('pages', () => {
    test('show the state at the first of them, in order, and say how many are left', async () => {
      const version = await bed().create('c', 'a', 'e', 'b', 'd')
      const first = await bed().list({ limit: '2' })
      const { resourceVersion = '', continue: next = '' } = first.body.metadata ?? {}
      expect(names(first)).toEqual(['a', 'b'])
      expect(first.body.metadata?.remainingItemCount).toBe(3)
      expect(Number(resourceVersion)).toBeGreaterThanOrEqual(Number(version))
      await server().delete(bed().web('c'))
      await bed().create('ca')
      const second = await bed().list({ limit: '2', continue: next })
      expect(names(second)).toEqual(['c', 'd'])
      expect(second.body.metadata).toMatchObject({ resourceVersion, remainingItemCount: 1 })
      const third = await bed().list({ limit: '2', continue: second.body.metadata?.continue ?? '' })
      expect(names(third)).toEqual(['e'])
      expect(third.body.metadata).toEqual({ resourceVersion })
      expect(names(await bed().list())).toEqual(['a', 'b', 'ca', 'd', 'e'])
    })

    test('do not say how many are left of what is filtered', async () => {
      await bed().create('a', 'b', 'c')
      const { metadata } = (await bed().list({ limit: '2', labelSelector: '!app' })).body
      expect(metadata?.continue).toEqual(expect.any(String))
      expect(metadata).not.toHaveProperty('remainingItemCount')
    })

    test('go on without a version only; with 0 the limit does not count', async () => {
      const version = await bed().create('a', 'b', 'c')
      const { continue: next = '' } = (await bed().list({ limit: '1' })).body.metadata ?? {}
      const refused = await bed().list({ limit: '1', continue: next, resourceVersion: version })
      expect(refused).toMatchObject({ status: 400, body: { reason: 'BadRequest' } })
      expect(names(await bed().list({ limit: '1', continue: next, resourceVersion: '0' }))).toEqual(['b', 'c'])
    })
  })

  describe('one object', () => {
    test('is read by its name', async () => {
      const resourceVersion = await bed().create('b')
      const one = await ask(server(), `${bed().services}/b`)
      const metadata = { namespace: bed().namespace, name: 'b', resourceVersion }
      expect(one).toMatchObject({ status: 200, body: { kind: 'Service', apiVersion: 'v1', metadata } })
    })

    test.each([
      ['', 'services', { name: 'x', kind: 'services' }],
      [
        'discovery.k8s.io',
        'endpointslices.discovery.k8s.io',
        { name: 'x', group: 'discovery.k8s.io', kind: 'endpointslices' },
      ],
    ])('that is not there is named in the Status, of group "%s"', async (group, resource, details) => {
      const root = group === '' ? '/api/v1' : `/apis/${group}/v1`
      const { status, body } = await ask(server(), `${root}/namespaces/${bed().namespace}/${details.kind}/x`)
      const message = `${resource} "x" not found`
      expect({ status, body }).toEqual({
        status: 404,
        body: {
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          message,
          reason: 'NotFound',
          details,
          code: 404,
        },
      })
    })

    test('of a resource that is not served is no Status when its group is unknown', async () => {
      const unknown = await ask(server(), '/api/v1/none')
      expect(unknown).toMatchObject({ status: 404, body: { kind: 'Status', reason: 'NotFound', details: {} } })
      const wrong = await ask(server(), `/api/v1/namespaces/${bed().namespace}/nodes`)
      expect(wrong).toMatchObject({ status: 404, body: { kind: 'Status' } })
      const nowhere = await ask(server(), '/apis/none.example.com/v1/none')
      expect([nowhere.status, nowhere.text]).toEqual([404, '404 page not found\n'])
    })
  })
}
