import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiServer } from '../../../test/apiserver/api-server.ts'
import { until } from '../../../test/lab/index.ts'
import { endpointSlice, type Manifest, nodeObject, service } from '../../../test/sluice/manifests.ts'
import type { Problem } from '../../model/object.ts'
import { serviceKey } from '../../model/service.ts'
import { Store } from '../../store/store.ts'
import { serverUrl } from './api-server.ts'
import { KubeSource } from './kube-source.ts'
import type { Timing } from './timing.ts'

const TIMING: Timing = {
  watchMs: 60_000,
  watchMarginMs: 30_000,
  idleMs: 60_000,
  answerMs: 10_000,
  retryMs: [5, 40],
  shortWatchMs: 20,
  notServedMs: 20,
}
const KINDS = ['services', 'endpointslices', 'nodes', 'servicecidrs'] as const
const SERVICE_CIDR: Manifest = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name: 'kubernetes' },
  spec: { cidrs: ['10.96.0.0/16'] },
}

let api: ApiServer
let store: Store
let told: Problem[]
let sources: KubeSource[]

beforeEach(async () => {
  api = new ApiServer({ streamingLists: 'refused' })
  await api.listen('127.0.0.1')
  store = new Store()
  told = []
  sources = []
})

afterEach(async () => {
  await Promise.all(sources.map(async (source) => source.close()))
  await api.close().catch(() => undefined)
})

function aSource(timing: Partial<Timing> = {}): KubeSource {
  const source = new KubeSource({
    store,
    server: { url: serverUrl(api.url, 'test') },
    nodeName: 'node-1',
    onProblem: (problem) => told.push(problem),
    timing: { ...TIMING, ...timing },
  })
  sources.push(source)
  return source
}

/** A source that is synced, and watches everything. */
async function started(timing: Partial<Timing> = {}): Promise<KubeSource> {
  const source = aSource(timing)
  await source.start()
  await watchingAll()
  return source
}

async function eventually(what: string, check: () => boolean): Promise<void> {
  await until(async () => check(), { timeoutMs: 10_000, everyMs: 2, what })
}

async function watchingAll(): Promise<void> {
  await eventually('all four watches', () => KINDS.every((kind) => api.watching(kind) === 1))
}

function web(address: string, name = 'web'): Manifest {
  return service(name, { clusterIPs: [address], ports: [{ port: 80 }] })
}

function addressOf(name: string): string | undefined {
  return store.service(serviceKey('default', name))?.clusterIPs[0]
}

/** An event that arrives after all earlier ones of Services. */
async function serviceEventsSeen(): Promise<void> {
  api.set(web('10.96.0.99', 'last'))
  await eventually('the last event', () => addressOf('last') === '10.96.0.99')
}

describe('lists', () => {
  test('fill the store with all four kinds, and mark it synced', async () => {
    const slice = endpointSlice('web', { ports: [{ port: 8080 }], endpoints: ['10.244.1.1'] })
    api.set(web('10.96.0.1'), slice, nodeObject('node-1', ['192.0.2.1']), SERVICE_CIDR)
    await started()
    expect(store.synced).toBe(true)
    expect(store.counts).toEqual({ services: 1, endpointSlices: 1, nodes: 1 })
    expect(store.serviceCIDRs()).toEqual(['10.96.0.0/16'])
    expect(addressOf('web')).toBe('10.96.0.1')
    expect(api.seen('nodes', 'list')[0]?.query.get('fieldSelector')).toBe('metadata.name=node-1')
    expect(api.seen('nodes', 'watch')[0]?.query.get('fieldSelector')).toBe('metadata.name=node-1')
  })

  test('come in pages of 500 and are one update', async () => {
    for (let i = 0; i < 1201; i++) api.set(web(`10.96.${i >> 8}.${i & 255}`, `web-${i}`))
    await started()
    expect(store.counts.services).toBe(1201)
    expect(store.revision).toBe(1)
    const pages = api.seen('services', 'list').map(({ query }) => [query.get('limit'), query.has('continue')])
    expect(pages).toEqual([
      ['500', false],
      ['500', true],
      ['500', true],
    ])
  })

  test('are read at once when the API server forgot how they go on', async () => {
    for (let i = 0; i < 600; i++) api.set(web(`10.96.${i >> 8}.${i & 255}`, `web-${i}`))
    api.onRequest = ({ query }) => {
      if (query.has('continue')) api.compact()
    }
    await started()
    expect(store.counts.services).toBe(600)
    expect(api.seen('services', 'list').map(({ query }) => query.get('limit'))).toEqual(['500', '500', null])
  })

  test('of ServiceCIDRs may be missing, and are asked for again', async () => {
    api.notServed.add('servicecidrs')
    const source = aSource()
    await source.start()
    expect(store.synced).toBe(true)
    expect(source.problems()).toEqual([])
    api.set(SERVICE_CIDR)
    api.notServed.clear()
    await eventually('the ServiceCIDR', () => store.serviceCIDRs().length === 1)
  })

  test('of all kinds must be there before the store is synced', async () => {
    api.set(web('10.96.0.1'))
    api.notServed.add('endpointslices')
    const source = aSource()
    const start = source.start()
    await eventually('three watches', () => api.watching('services') === 1 && api.watching('servicecidrs') === 1)
    await eventually('the problem', () => told.length > 0)
    expect(store.synced).toBe(false)
    expect(source.problems()).toMatchObject([{ severity: 'warning', object: 'EndpointSlice' }])
    api.notServed.clear()
    await start
    expect(store.synced).toBe(true)
    expect(source.problems()).toEqual([])
  })
})

describe('watches', () => {
  test('ask for bookmarks, begin where the list was made, and end within the given time', async () => {
    api.set(web('10.96.0.1'))
    await started({ watchMs: 300_000 })
    const query = api.seen('services', 'watch')[0]?.query
    expect(query?.get('allowWatchBookmarks')).toBe('true')
    expect(query?.get('resourceVersion')).toBe('101')
    const seconds = Number(query?.get('timeoutSeconds'))
    expect(seconds).toBeGreaterThanOrEqual(300)
    expect(seconds).toBeLessThanOrEqual(600)
  })

  test('follow what is created, changed and deleted', async () => {
    await started()
    api.set(web('10.96.0.1'))
    await eventually('created', () => addressOf('web') === '10.96.0.1')
    api.set(web('10.96.0.2'))
    await eventually('changed', () => addressOf('web') === '10.96.0.2')
    api.delete(web('10.96.0.2'))
    await eventually('deleted', () => addressOf('web') === undefined)
    expect(store.revision).toBe(3)
  })

  test('do not tell what differs only in fields that Sluice does not read', async () => {
    api.set(web('10.96.0.1'))
    await started()
    const before = store.revision
    api.set({ ...web('10.96.0.1'), metadata: { namespace: 'default', name: 'web', annotations: { note: 'new' } } })
    await serviceEventsSeen()
    expect(store.revision).toBe(before + 1)
  })

  test('keep what an object was when it becomes one that cannot be used, and say so', async () => {
    api.set(web('10.96.0.1'))
    const source = await started()
    api.set({ ...web('10.96.0.1'), spec: 'nonsense' })
    await eventually('the problem', () => told.some(({ severity }) => severity === 'error'))
    expect(addressOf('web')).toBe('10.96.0.1')
    expect(source.problems()).toEqual(told)
    expect(new Set(told.map(({ object }) => object))).toEqual(new Set(['Service default/web']))
    api.delete(web('10.96.0.1'))
    await eventually('deleted', () => addressOf('web') === undefined)
    expect(source.problems()).toEqual([])
  })

  test('that end go on from the last version, of a bookmark too, without a list', async () => {
    api.set(web('10.96.0.1'))
    await started()
    await serviceEventsSeen()
    const revision = store.revision
    const version = api.advance()
    api.endWatches()
    await eventually('a watch from the bookmark', () => lastVersion() === version)
    api.set(web('10.96.0.2'))
    await eventually('the change', () => addressOf('web') === '10.96.0.2')
    for (const kind of KINDS) expect(api.seen(kind, 'list')).toHaveLength(1)
    expect(store.revision).toBe(revision + 1)
  })

  test('from a version that was forgotten lead to a list, of which only differences are applied', async () => {
    api.set(web('10.96.0.1', 'same'), web('10.96.0.2', 'other'), web('10.96.0.3', 'gone'))
    await started()
    const revision = store.revision
    const reader = store.reader()
    await reader.next()
    await api.close()
    api.set(web('10.96.0.20', 'other'), web('10.96.0.4', 'new'))
    api.delete(web('10.96.0.3', 'gone'))
    api.compact()
    await api.listen('127.0.0.1')
    await eventually('the new Service', () => addressOf('new') === '10.96.0.4')
    expect(store.revision).toBe(revision + 1)
    const changes = await reader.next()
    expect([...(changes?.services ?? [])].sort()).toEqual(['default/gone', 'default/new', 'default/other'])
    expect(addressOf('gone')).toBeUndefined()
    expect(api.seen('services', 'list')).toHaveLength(2)
    reader.close()
  })

  test('that tell of a forgotten version in an event lead to a list at once, and change nothing', async () => {
    api.set(web('10.96.0.1'))
    await started()
    const revision = store.revision
    api.expireWatches()
    await eventually('the second lists', () => KINDS.every((kind) => api.seen(kind, 'list').length === 2))
    await watchingAll()
    expect(store.revision).toBe(revision)
    expect(told).toEqual([])
  })

  test('that fall silent are begun anew from the last version', async () => {
    const source = aSource({ idleMs: 100 })
    await source.start()
    const lift = api.faults.add({ kind: 'silence' }, { verb: 'watch' })
    api.silence()
    await watchingAll()
    api.set(web('10.96.0.1'))
    await eventually('more silent watches', () => api.seen('services', 'watch').length > 2)
    expect(store.counts.services).toBe(0)
    lift()
    await eventually('the Service', () => addressOf('web') === '10.96.0.1')
    expect(api.seen('services', 'list')).toHaveLength(1)
  })

  test('that last longer than was asked are ended', async () => {
    await started({ watchMs: 50, watchMarginMs: 50 })
    await eventually('more watches', () => api.seen('services', 'watch').length > 2)
    expect(api.seen('services', 'list')).toHaveLength(1)
  })
})

describe('while the API server is away', () => {
  test('everything stays, is a problem, and goes on from where it was', async () => {
    api.set(web('10.96.0.1'), nodeObject('node-1', ['192.0.2.1']))
    const source = await started()
    const revision = store.revision
    await api.close()
    await eventually('four problems', () => source.problems().length === 4)
    expect(source.problems().map(({ severity }) => severity)).toEqual(Array(4).fill('warning'))
    expect(store.revision).toBe(revision)
    expect(addressOf('web')).toBe('10.96.0.1')
    api.set(web('10.96.0.2'))
    await api.listen('127.0.0.1')
    await eventually('the change', () => addressOf('web') === '10.96.0.2')
    await eventually('no problem', () => source.problems().length === 0)
    expect(store.revision).toBe(revision + 1)
    for (const kind of KINDS) expect(api.seen(kind, 'list')).toHaveLength(1)
  })

  test('refusals are retried, too, and name what the API server said', async () => {
    api.faults.add({ kind: 'refuse', status: 403 })
    const source = aSource()
    const start = source.start()
    await eventually('four problems', () => source.problems().length === 4)
    expect(source.problems()[0]?.message).toBe('the API server answered 403: "refused by a fault"')
    api.faults.clear()
    await start
    expect(store.synced).toBe(true)
  })

  test('the source can be closed before it ever synced', async () => {
    await api.close()
    const source = aSource()
    const start = source.start()
    await eventually('four problems', () => source.problems().length === 4)
    await source.close()
    await start
    expect(store.synced).toBe(false)
  })
})

test('nothing is applied after the source was closed', async () => {
  const source = await started()
  await source.close()
  const { revision } = store
  api.set(web('10.96.0.1'))
  await eventually('no watch', () => KINDS.every((kind) => api.watching(kind) === 0))
  expect(store.revision).toBe(revision)
})

/** From where the latest watch of Services began. */
function lastVersion(): string | null | undefined {
  return api.seen('services', 'watch').at(-1)?.query.get('resourceVersion')
}
