import { afterEach, beforeEach, expect, test } from 'vitest'
import { service } from '../sluice/manifests.ts'
import { ApiServer } from './api-server.ts'
import { type Answer, ask, type Query } from './client.ts'

const SERVICES = '/api/v1/services'

let api: ApiServer

beforeEach(async () => {
  api = new ApiServer()
  await api.listen('127.0.0.1')
})

afterEach(async () => api.close())

function web(name: string, labels: Readonly<Record<string, string>> = {}, namespace = 'default') {
  return service(name, { namespace, labels, clusterIPs: ['10.96.0.1'], ports: [{ port: 80 }] })
}

async function list(query: Query = {}): Promise<Answer> {
  return ask(api, SERVICES, query)
}

function names({ body }: Answer): string[] | undefined {
  return body.items?.map(({ metadata }) => metadata.name)
}

test('one counter gives all collections their resource versions', async () => {
  api.set(web('a'))
  api.set({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } })
  const services = await list()
  const nodes = await ask(api, '/api/v1/nodes')
  expect(services.body.kind).toBe('ServiceList')
  expect(services.body.metadata?.resourceVersion).toBe('102')
  expect(nodes.body.items).toMatchObject([{ metadata: { resourceVersion: '102' } }])
  expect(services.body.items).toMatchObject([{ metadata: { resourceVersion: '101' } }])
  expect(services.body.items?.[0]).not.toHaveProperty('kind')
})

test('pages show the state at the first of them, in order, and say how many are left', async () => {
  for (const name of ['c', 'a', 'e', 'b', 'd']) api.set(web(name))
  const first = await list({ limit: '2' })
  expect(names(first)).toEqual(['a', 'b'])
  expect(first.body.metadata).toMatchObject({ resourceVersion: '105', remainingItemCount: 3 })
  api.delete(web('c'))
  api.set(web('ca'))
  const second = await list({ limit: '2', continue: first.body.metadata?.continue ?? '' })
  expect(names(second)).toEqual(['c', 'd'])
  const third = await list({ limit: '2', continue: second.body.metadata?.continue ?? '' })
  expect(names(third)).toEqual(['e'])
  expect(third.body.metadata).toEqual({ resourceVersion: '105' })
  expect(names(await list())).toEqual(['a', 'b', 'ca', 'd', 'e'])
})

test('how many are left is not told of what is filtered', async () => {
  for (const name of ['a', 'b', 'c']) api.set(web(name, { app: 'x' }))
  const { metadata } = (await list({ limit: '2', labelSelector: 'app' })).body
  expect(metadata?.continue).toEqual(expect.any(String))
  expect(metadata).not.toHaveProperty('remainingItemCount')
})

test('a continuation that was compacted is 410, with a token that goes on in the present state', async () => {
  for (const name of ['a', 'b', 'c']) api.set(web(name))
  const first = await list({ limit: '1' })
  api.delete(web('b'))
  api.compact()
  const gone = await list({ limit: '1', continue: first.body.metadata?.continue ?? '' })
  expect(gone).toMatchObject({ status: 410, body: { kind: 'Status', reason: 'Expired', code: 410 } })
  const rest = await list({ continue: gone.body.metadata?.continue ?? '' })
  expect(names(rest)).toEqual(['c'])
})

const BEFORE = '101'
const FUTURE = '999'

test.each<[what: string, query: Query, expected: readonly string[] | number]>([
  ['nothing: the present', {}, ['a', 'b']],
  ['0: any, without pages', { resourceVersion: '0', limit: '1' }, ['a', 'b']],
  ['a version: not older', { resourceVersion: BEFORE }, ['a', 'b']],
  ['a version with a limit: exactly', { resourceVersion: BEFORE, limit: '5' }, ['a']],
  [
    'NotOlderThan with a limit',
    { resourceVersion: BEFORE, resourceVersionMatch: 'NotOlderThan', limit: '5' },
    ['a', 'b'],
  ],
  ['Exact', { resourceVersion: BEFORE, resourceVersionMatch: 'Exact' }, ['a']],
  ['a future version', { resourceVersion: FUTURE }, 504],
  ['exactly a future version', { resourceVersion: FUTURE, resourceVersionMatch: 'Exact' }, 504],
  ['a match without a version', { resourceVersionMatch: 'Exact' }, 422],
  ['exactly 0', { resourceVersion: '0', resourceVersionMatch: 'Exact' }, 422],
  ['an unknown match', { resourceVersion: BEFORE, resourceVersionMatch: 'Some' }, 422],
  ['a match with a continuation', { continue: 'x', resourceVersion: '1', resourceVersionMatch: 'Exact' }, 422],
  ['a version with a continuation', { continue: 'x', resourceVersion: BEFORE }, 400],
  ['no continuation', { continue: 'nonsense' }, 400],
  ['no version', { resourceVersion: 'x' }, 400],
])('a list for %s', async (_what, query, expected) => {
  api.set(web('a'))
  api.set(web('b'))
  const answer = await list(query)
  if (typeof expected === 'number') expect(answer).toMatchObject({ status: expected, body: { kind: 'Status' } })
  else expect(names(answer)).toEqual(expected)
})

test('a future version is told by its cause, and one that was compacted as expired', async () => {
  api.set(web('a'))
  const future = await list({ resourceVersion: FUTURE })
  expect(future.body.details?.causes).toMatchObject([{ reason: 'ResourceVersionTooLarge' }])
  expect(future.headers['retry-after']).toBe('1')
  api.compact()
  const past = await list({ resourceVersion: BEFORE, resourceVersionMatch: 'Exact' })
  expect(past).toMatchObject({ status: 410, body: { reason: 'Expired' } })
})

test.each([
  ['app=web', ['a', 'd']],
  ['app==web', ['a', 'd']],
  ['app = web', ['a', 'd']],
  ['app!=web', ['b', 'c']],
  ['app', ['a', 'b', 'd']],
  ['!app', ['c']],
  ['!service.kubernetes.io/headless,!app', ['c']],
  ['app in (web, db)', ['a', 'b', 'd']],
  ['app notin (web)', ['b', 'c']],
  ['app in (web),tier', ['d']],
  ['app,!tier', ['a', 'b']],
  ['tier=', ['d']],
  ['app=we=b', 400],
  ['app in web', 400],
])('labels are selected by %s', async (labelSelector, expected) => {
  api.set(web('a', { app: 'web' }), web('b', { app: 'db' }), web('c'), web('d', { app: 'web', tier: '' }))
  const answer = await list({ labelSelector })
  expect(names(answer) ?? answer.status).toEqual(expected)
})

test.each([
  ['metadata.name=a', ['a', 'a']],
  ['metadata.name!=a', ['b']],
  ['metadata.namespace=other,metadata.name=a', ['a']],
  ['spec.clusterIP=None', 400],
])('fields are selected by %s', async (fieldSelector, expected) => {
  api.set(web('a'), web('b'), web('a', {}, 'other'))
  const answer = await list({ fieldSelector })
  expect(names(answer) ?? answer.status).toEqual(expected)
})

test('a namespace, and one object of it', async () => {
  api.set(web('a'), web('b', {}, 'other'))
  expect(names(await ask(api, '/api/v1/namespaces/other/services'))).toEqual(['b'])
  const one = await ask(api, '/api/v1/namespaces/other/services/b')
  expect(one.body).toMatchObject({ kind: 'Service', apiVersion: 'v1', metadata: { name: 'b' } })
  expect((await ask(api, '/api/v1/namespaces/other/services/a')).status).toBe(404)
  expect((await ask(api, '/api/v1/pods')).body).toMatchObject({ kind: 'Status', reason: 'NotFound', code: 404 })
})

const EVENT = {
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  eventTime: '2026-01-02T03:04:05.000000Z',
  type: 'Normal',
  reason: 'Why',
  action: 'Do',
  reportingController: 'sluice',
  reportingInstance: 'node-1',
  regarding: { kind: 'Node', name: 'node-1' },
}

test.each([
  [{ action: '' }, 'action'],
  [{ eventTime: '2026-01-02T03:04:05Z' }, 'eventTime'],
  [{ note: 'x'.repeat(1025) }, 'note'],
  [{ type: 'Bad' }, 'type'],
  [{ regarding: { kind: 'Service', namespace: 'shop', name: 'web' } }, 'metadata.namespace'],
  [{ series: { count: 1, lastObservedTime: EVENT.eventTime } }, 'series'],
])('an Event that is not as it must be is refused: %j', async (fields, field) => {
  const body = { ...EVENT, metadata: { name: 'e', namespace: 'default' }, ...fields }
  const answer = await ask(api, '/apis/events.k8s.io/v1/namespaces/default/events', {}, { body })
  expect(answer.status).toBe(422)
  expect(answer.body.message).toContain(field)
})

test('an Event can be created, once', async () => {
  const body = { ...EVENT, metadata: { name: 'e', namespace: 'default' } }
  const path = '/apis/events.k8s.io/v1/namespaces/default/events'
  expect((await ask(api, path, {}, { body })).status).toBe(201)
  expect(await ask(api, path, {}, { body })).toMatchObject({ status: 409, body: { reason: 'AlreadyExists' } })
  expect((await ask(api, path, {}, { body: { ...body, kind: 'Service' } })).status).toBe(400)
  expect(api.objects('events')).toMatchObject([{ metadata: { name: 'e', resourceVersion: '101' } }])
})

test('tokens say who somebody is, and what they may do', async () => {
  api.tokens.set('reader', {
    name: 'reader',
    mayDo: (verb, collection) => verb === 'list' && collection === 'services',
  })
  const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
  expect((await ask(api, SERVICES, {}, as('reader'))).status).toBe(200)
  expect(await ask(api, SERVICES)).toMatchObject({ status: 401, body: { reason: 'Unauthorized' } })
  expect((await ask(api, SERVICES, {}, as('other'))).status).toBe(401)
  const forbidden = await ask(api, '/api/v1/nodes', {}, as('reader'))
  expect(forbidden).toMatchObject({ status: 403, body: { reason: 'Forbidden' } })
  expect(forbidden.body.message).toContain('User "reader" cannot list resource "nodes"')
})

test('objects are as large as those of clusters, on request', async () => {
  const bulky = new ApiServer({ withBulk: true })
  await bulky.listen('127.0.0.1')
  bulky.set(web('a'))
  const { body } = await ask(bulky, SERVICES)
  await bulky.close()
  expect(body.items?.[0]?.metadata).toMatchObject({ name: 'a', managedFields: [{ operation: 'Update' }, {}] })
  expect(JSON.stringify(body).length).toBeGreaterThan(1000)
})

test('requests are kept, with what was answered', async () => {
  api.set(web('a'))
  const answer = await list({ limit: '7' })
  expect(api.seen('services', 'list')).toMatchObject([{ status: 200, bytesSent: JSON.stringify(answer.body).length }])
  expect(api.requests[0]?.query.get('limit')).toBe('7')
})
