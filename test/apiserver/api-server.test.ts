import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../lab/index.ts'
import { service } from '../sluice/manifests.ts'
import { ApiServer, type ApiServerOptions } from './api-server.ts'
import { ask, type Query, WatchClient } from './client.ts'

const SERVICES = '/api/v1/services'

let api: ApiServer
let watches: WatchClient[]

beforeEach(async () => {
  watches = []
  await serve()
})

afterEach(async () => {
  for (const watch of watches) watch.close()
  await api.close()
})

async function serve(options: ApiServerOptions = {}): Promise<void> {
  await (api as ApiServer | undefined)?.close()
  api = new ApiServer(options)
  await api.listen('127.0.0.1')
}

function web(name: string, labels: Readonly<Record<string, string>> = {}) {
  return service(name, { labels, clusterIPs: ['10.96.0.1'], ports: [{ port: 80 }] })
}

async function watch(query: Query = {}): Promise<WatchClient> {
  const client = await WatchClient.open(api, SERVICES, query)
  watches.push(client)
  return client
}

async function eventually(what: string, check: () => boolean): Promise<void> {
  await until(async () => check(), { timeoutMs: 10_000, everyMs: 2, what })
}

async function tells(client: WatchClient, ...expected: string[]): Promise<void> {
  await eventually(`${expected.length} events`, () => client.events.length >= expected.length)
  expect(client.told).toEqual(expected)
}

test('a watch gets bookmarks from time to time', async () => {
  await serve({ bookmarkMs: 5 })
  api.advance()
  const client = await watch({ resourceVersion: '100', allowWatchBookmarks: 'true' })
  await eventually('two bookmarks', () => client.events.length >= 2)
  expect(new Set(client.told)).toEqual(new Set(['BOOKMARK 101']))
})

describe('a list as a watch', () => {
  const STREAM = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' }

  test('is refused by a server without it, and plain for one that never heard of it', async () => {
    api.set(web('a'))
    api.streamingLists = 'refused'
    expect(await ask(api, SERVICES, { ...STREAM, watch: '1' })).toMatchObject({
      status: 422,
      body: { reason: 'Invalid', kind: 'Status' },
    })
    api.streamingLists = 'ignored'
    await tells(await watch(STREAM), 'ADDED a')
  })
})

test('objects are as large as those of clusters, on request', async () => {
  await serve({ withBulk: true })
  api.set(web('a'))
  const { body } = await ask(api, SERVICES)
  expect(body.items?.[0]?.metadata).toMatchObject({ name: 'a', managedFields: [{ operation: 'Update' }, {}] })
  expect(JSON.stringify(body).length).toBeGreaterThan(1000)
})

test('requests are kept, with what was answered', async () => {
  api.set(web('a'))
  const answer = await ask(api, SERVICES, { limit: '7' })
  expect(api.seen('services', 'list')).toMatchObject([{ status: 200, bytesSent: JSON.stringify(answer.body).length }])
  expect(api.requests[0]?.query.get('limit')).toBe('7')
})

describe('faults', () => {
  test('take the place of answers', async () => {
    api.faults.add({ kind: 'refuse', status: 429, retryAfterSeconds: 3 }, { collection: 'services', times: 1 })
    const refused = await ask(api, SERVICES)
    expect(refused).toMatchObject({ status: 429, body: { reason: 'TooManyRequests' } })
    expect(refused.headers['retry-after']).toBe('3')
    expect((await ask(api, SERVICES)).status).toBe(200)
    const lift = api.faults.add({ kind: 'drop', by: 'rst' })
    await expect(ask(api, SERVICES)).rejects.toMatchObject({ code: 'ECONNRESET' })
    lift()
    expect((await ask(api, SERVICES)).status).toBe(200)
  })

  test('leave a request without an answer', async () => {
    api.faults.add({ kind: 'pause' })
    void ask(api, SERVICES).catch(() => undefined)
    await eventually('the request', () => api.requests.length === 1)
    expect(api.requests[0]).toMatchObject({ status: 0, isOpen: true })
  })

  test.each([
    ['end', 'ended'],
    ['fin', 'broken'],
    ['rst', 'broken'],
  ] as const)('cut an event in half by %s', async (by, end) => {
    const client = await watch({ resourceVersion: '100' })
    api.faults.add({ kind: 'cut', by }, { verb: 'watch', times: 1 })
    api.set(web('a'))
    await eventually('the end', () => client.end === end)
    expect(client.events).toEqual([])
    expect('{"type":"ADDED","object":{"apiVersion"'.startsWith(client.rest.slice(0, 20))).toBe(true)
    await eventually('no watch', () => api.watching('services') === 0)
  })

  test('silence what is open; it is open still', async () => {
    const silent = await watch({ resourceVersion: '100' })
    api.silence()
    api.set(web('a'))
    const other = await watch({ resourceVersion: '100' })
    await tells(other, 'ADDED a')
    expect(silent.events).toEqual([])
    expect(silent.end).toBeUndefined()
  })

  test('let bytes trickle', async () => {
    api.faults.add({ kind: 'trickle', bytesPerSecond: 2000 })
    const client = await watch({ resourceVersion: '100' })
    api.set(web('a'))
    await eventually('a part', () => client.rest !== '')
    await tells(client, 'ADDED a')
  })

  test('repeat old events', async () => {
    const client = await watch({ resourceVersion: '100' })
    for (const name of ['a', 'b', 'c']) api.set(web(name))
    api.repeat('services', 2)
    await tells(client, 'ADDED a', 'ADDED b', 'ADDED c', 'ADDED b', 'ADDED c')
  })
})

describe('a server that went away', () => {
  test('comes back on its port with its state and history', async () => {
    const { url } = api
    api.set(web('a'))
    const broken = await watch({ resourceVersion: '100' })
    await api.close()
    await eventually('the end', () => broken.end === 'broken')
    api.set(web('b'))
    await api.listen('127.0.0.1')
    expect(api.url).toBe(url)
    await tells(await watch({ resourceVersion: '101' }), 'ADDED b')
  })

  test('comes back with what its database was before', async () => {
    api.set(web('a'))
    const before = api.snapshot()
    api.delete(web('a'))
    api.set(web('b'))
    expect(() => api.restore(before)).toThrow(TypeError)
    await api.close()
    api.restore(before)
    await api.listen('127.0.0.1')
    const { body } = await ask(api, SERVICES)
    expect(body).toMatchObject({ metadata: { resourceVersion: '101' }, items: [{ metadata: { name: 'a' } }] })
    expect((await ask(api, SERVICES, { resourceVersion: '103' })).status).toBe(504)
  })
})
