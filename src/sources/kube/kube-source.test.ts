import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ALL_KINDS, countsOf, eventually, KubeBed, WATCHED, web } from '../../../test/fixtures/kube-bed.ts'
import { endpointSlice, type Manifest, nodeObject } from '../../../test/sluice/manifests.ts'
import type { KubeSource } from './kube-source.ts'

const SERVICE_CIDR: Manifest = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name: 'kubernetes' },
  spec: { cidrs: ['10.96.0.0/16'] },
}

let bed: KubeBed
let api: KubeBed['api']
let store: KubeBed['store']
let told: KubeBed['told']
let notices: KubeBed['notices']

beforeEach(async () => {
  bed = await KubeBed.create()
  ;({ api, store, told, notices } = bed)
})

afterEach(async () => bed.dispose())

/** An event that arrives after all earlier ones of Services. */
async function serviceEventsSeen(): Promise<void> {
  api.set(web('10.96.0.99', 'last'))
  await eventually('the last event', () => bed.addressOf('last') === '10.96.0.99')
}

function listedOnce(source: KubeSource): void {
  expect(source.counts().map(({ lists }) => lists)).toEqual([1, 1, 1, 1])
}

describe.each(['offered', 'refused'] as const)('when lists as watches are %s', (streamingLists) => {
  beforeEach(() => {
    api.streamingLists = streamingLists
  })

  describe('lists', () => {
    test('fill the store with all four kinds, and mark it synced', async () => {
      const slice = endpointSlice('web', { ports: [{ port: 8080 }], endpoints: ['10.244.1.1'] })
      api.set(web('10.96.0.1'), slice, nodeObject('node-1', ['192.0.2.1']), SERVICE_CIDR)
      await bed.started()
      expect(store.synced).toBe(true)
      expect(store.counts).toEqual({ services: 1, endpointSlices: 1, nodes: 1 })
      expect(store.serviceCIDRs()).toEqual(['10.96.0.0/16'])
      expect(bed.addressOf('web')).toBe('10.96.0.1')
      for (const { query } of api.requests.filter(({ collection }) => collection === 'nodes')) {
        expect(query.get('fieldSelector')).toBe('metadata.name=node-1')
      }
    })

    test('come in pages of 100 and are one update', async () => {
      api.streamingLists = 'refused'
      for (let i = 0; i < 201; i++) api.set(web(`10.96.${i >> 8}.${i & 255}`, `web-${i}`))
      await bed.started()
      expect(store.counts.services).toBe(201)
      expect(store.revision).toBe(1)
      const pages = api.seen('services', 'list').map(({ query }) => [query.get('limit'), query.has('continue')])
      expect(pages).toEqual([
        ['100', false],
        ['100', true],
        ['100', true],
      ])
    })

    test('are read at once when the API server forgot how they go on', async () => {
      api.streamingLists = 'refused'
      for (let i = 0; i < 150; i++) api.set(web(`10.96.${i >> 8}.${i & 255}`, `web-${i}`))
      api.onRequest = ({ query }) => {
        if (query.has('continue')) api.compact()
      }
      await bed.started()
      expect(store.counts.services).toBe(150)
      expect(api.seen('services', 'list').map(({ query }) => query.get('limit'))).toEqual(['100', '100', null])
    })

    test('of ServiceCIDRs may be missing, and are asked for again', async () => {
      api.notServed.add('servicecidrs')
      const source = bed.source()
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
      const source = bed.source()
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
      api.streamingLists = 'refused'
      api.set(web('10.96.0.1'))
      await bed.started({ watchMs: 300_000 })
      const query = api.seen('services', 'watch').at(-1)?.query
      expect(query?.get('allowWatchBookmarks')).toBe('true')
      expect(query?.get('resourceVersion')).toBe('101')
      const seconds = Number(query?.get('timeoutSeconds'))
      expect(seconds).toBeGreaterThanOrEqual(300)
      expect(seconds).toBeLessThanOrEqual(600)
    })

    test('follow what is created, changed and deleted', async () => {
      await bed.started()
      api.set(web('10.96.0.1'))
      await eventually('created', () => bed.addressOf('web') === '10.96.0.1')
      api.set(web('10.96.0.2'))
      await eventually('changed', () => bed.addressOf('web') === '10.96.0.2')
      api.delete(web('10.96.0.2'))
      await eventually('deleted', () => bed.addressOf('web') === undefined)
      expect(store.revision).toBe(3)
    })

    test('do not tell what differs only in fields that Sluice does not read', async () => {
      api.set(web('10.96.0.1'))
      await bed.started()
      const before = store.revision
      api.set({ ...web('10.96.0.1'), metadata: { namespace: 'default', name: 'web', annotations: { note: 'new' } } })
      await serviceEventsSeen()
      expect(store.revision).toBe(before + 1)
    })

    test('keep what an object was when it becomes one that cannot be used, and say so', async () => {
      api.set(web('10.96.0.1'))
      const source = await bed.started()
      api.set({ ...web('10.96.0.1'), spec: 'nonsense' })
      await eventually('the problem', () => told.some(({ severity }) => severity === 'error'))
      expect(bed.addressOf('web')).toBe('10.96.0.1')
      expect(source.problems()).toEqual(told)
      expect(new Set(told.map(({ object }) => object))).toEqual(new Set(['Service default/web']))
      api.delete(web('10.96.0.1'))
      await eventually('deleted', () => bed.addressOf('web') === undefined)
      expect(source.problems()).toEqual([])
    })

    test('that end go on from the last version, of a bookmark too, without a list', async () => {
      api.set(web('10.96.0.1'))
      const source = await bed.started()
      await serviceEventsSeen()
      const revision = store.revision
      const version = api.advance()
      api.endWatches()
      await eventually('a watch from the bookmark', () => bed.lastVersion() === version)
      api.set(web('10.96.0.2'))
      await eventually('the change', () => bed.addressOf('web') === '10.96.0.2')
      listedOnce(source)
      expect(store.revision).toBe(revision + 1)
    })

    test('from a version that was forgotten lead to a list, of which only differences are applied', async () => {
      api.set(web('10.96.0.1', 'same'), web('10.96.0.2', 'other'), web('10.96.0.3', 'gone'))
      const source = await bed.started()
      const revision = store.revision
      const reader = store.reader()
      await reader.next()
      await api.close()
      api.set(web('10.96.0.20', 'other'), web('10.96.0.4', 'new'))
      api.delete(web('10.96.0.3', 'gone'))
      api.compact()
      await api.listen('127.0.0.1')
      await eventually('the new Service', () => bed.addressOf('new') === '10.96.0.4')
      expect(store.revision).toBe(revision + 1)
      const changes = await reader.next()
      expect([...(changes?.services ?? [])].sort()).toEqual(['default/gone', 'default/new', 'default/other'])
      expect(bed.addressOf('gone')).toBeUndefined()
      expect(countsOf(source).lists).toBe(2)
      expect(countsOf(source).relists).toEqual({ expired: 1, ahead: 0, continuation: 0 })
      reader.close()
    })

    test('that tell of a forgotten version in an event lead to a list at once, and change nothing', async () => {
      api.set(web('10.96.0.1'))
      const source = await bed.started()
      const revision = store.revision
      api.expireWatches()
      await eventually('the second lists', () => source.counts().every(({ lists }) => lists === 2))
      await bed.watchingAll()
      expect(store.revision).toBe(revision)
      expect(told).toEqual([])
    })

    test('that fall silent are begun anew from the last version', async () => {
      const source = bed.source({ idleMs: 100 })
      await source.start()
      const lift = api.faults.add({ kind: 'silence' }, { verb: 'watch' })
      api.silence()
      await bed.watchingAll()
      api.set(web('10.96.0.1'))
      await eventually('more silent watches', () => api.seen('services', 'watch').length > 2)
      expect(store.counts.services).toBe(0)
      lift()
      await eventually('the Service', () => bed.addressOf('web') === '10.96.0.1')
      expect(countsOf(source).lists).toBe(1)
    })

    test('that last longer than was asked are ended', async () => {
      const source = await bed.started({ watchMs: 50, watchMarginMs: 50 })
      await eventually('more watches', () => api.seen('services', 'watch').length > 2)
      expect(countsOf(source).lists).toBe(1)
    })
  })

  describe('while the API server is away', () => {
    test('everything stays, is a problem, and goes on from where it was', async () => {
      api.set(web('10.96.0.1'), nodeObject('node-1', ['192.0.2.1']))
      const source = await bed.started()
      const revision = store.revision
      await api.close()
      await eventually('the problem of all four', () => source.problems()[0]?.object === ALL_KINDS)
      expect(source.problems()).toMatchObject([{ severity: 'warning' }])
      expect(told).toHaveLength(1)
      expect(told[0]?.message).toContain('what was known is still served')
      expect(notices).toEqual([])
      expect(store.revision).toBe(revision)
      expect(bed.addressOf('web')).toBe('10.96.0.1')
      api.set(web('10.96.0.2'))
      await api.listen('127.0.0.1')
      await eventually('the change', () => bed.addressOf('web') === '10.96.0.2')
      await eventually('no problem', () => source.problems().length === 0)
      expect(store.revision).toBe(revision + 1)
      expect(notices).toEqual([expect.stringMatching(/^the API server answers again after \d+ s$/)])
      listedOnce(source)
    })

    test('refusals are retried, too, and name what the API server said', async () => {
      api.faults.add({ kind: 'refuse', status: 403 })
      const source = bed.source()
      const start = source.start()
      await eventually('the problem of all four', () => source.problems()[0]?.object === ALL_KINDS)
      expect(source.problems()).toHaveLength(1)
      expect(source.problems()[0]?.message).toBe('the API server answered 403: "refused by a fault"')
      api.faults.clear()
      await start
      expect(store.synced).toBe(true)
    })

    test('the source can be closed before it ever synced', async () => {
      await api.close()
      const source = bed.source()
      const start = source.start()
      await eventually('the problem', () => source.problems().length === 1)
      await source.close()
      await start
      expect(store.synced).toBe(false)
    })
  })

  test('nothing is applied after the source was closed', async () => {
    const source = await bed.started()
    await source.close()
    const { revision } = store
    api.set(web('10.96.0.1'))
    await eventually('no watch', () => WATCHED.every((kind) => api.watching(kind) === 0))
    expect(store.revision).toBe(revision)
  })
})
