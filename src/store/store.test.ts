import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ip, node, service, slice } from '../../test/fixtures/services.ts'
import type { Cidr } from '../model/ip.ts'
import { type ClusterObject, objectId } from '../model/object.ts'
import { serviceKey } from '../model/service.ts'
import { Store } from './store.ts'

const WEB = serviceKey('default', 'web')
const DB = serviceKey('default', 'db')
const aService = (name: string): ClusterObject => ({ kind: 'Service', value: service(name) })
const aSlice = (name: string, of: string): ClusterObject => ({ kind: 'EndpointSlice', value: slice(name, of) })
/** A slice that tells when what it reflects happened. */
const slow = (name: string, lastChangeTriggerTime: number): ClusterObject => ({
  kind: 'EndpointSlice',
  value: slice(name, 'web', { lastChangeTriggerTime }),
})
const aNode = (name: string): ClusterObject => ({ kind: 'Node', value: node(name) })

const set = (store: Store, ...objects: ClusterObject[]) => store.apply({ set: objects, delete: [] })
const remove = (store: Store, ...objects: ClusterObject[]) => store.apply({ set: [], delete: objects.map(objectId) })
const slicesOf = (store: Store, key: typeof WEB) => [...store.endpointSlices(key)].map(({ name }) => name)

function synced(): Store {
  const store = new Store()
  store.markSynced()
  return store
}

describe('Store', () => {
  it('counts an update as one revision, and one that changes nothing as none', () => {
    const store = new Store()
    expect(store.revision).toBe(0)
    expect(set(store, aService('web'), aSlice('web-1', 'web'), aNode('node-1'))).toBe(1)
    expect(store.counts).toEqual({ services: 1, endpointSlices: 1, nodes: 1 })
    expect(set(store)).toBe(1)
    expect(remove(store, aService('missing'), aSlice('missing', 'web'), aNode('missing'))).toBe(1)
    expect(remove(store, aService('web'), aSlice('web-1', 'web'), aNode('node-1'))).toBe(2)
    expect(store.counts).toEqual({ services: 0, endpointSlices: 0, nodes: 0 })
  })

  it('keeps slices without their Service, which may come later', () => {
    const store = synced()
    set(store, aSlice('web-1', 'web'))
    expect(store.service(WEB)).toBeUndefined()
    expect(slicesOf(store, WEB)).toEqual(['web-1'])
  })

  it('moves a slice from one Service to another, and names both', async () => {
    const store = synced()
    set(store, aSlice('x-1', 'web'), aSlice('x-2', 'web'))
    const reader = store.reader()
    await reader.next()
    set(store, aSlice('x-1', 'db'))
    expect((await reader.next())?.services).toEqual(new Set([WEB, DB]))
    expect(slicesOf(store, WEB)).toEqual(['x-2'])
    expect(slicesOf(store, DB)).toEqual(['x-1'])
    remove(store, aSlice('x-1', 'whatever'))
    expect(slicesOf(store, DB)).toEqual([])
    expect((await reader.next())?.services).toEqual(new Set([DB]))
  })

  it('deletes before it sets, so that an object may be replaced in one update', () => {
    const store = new Store()
    set(store, aService('web'))
    store.apply({
      set: [{ kind: 'Service', value: service('web', { clusterIPs: [ip('10.96.0.1')] }) }],
      delete: [objectId(aService('web'))],
    })
    expect(store.service(WEB)?.clusterIPs).toEqual(['10.96.0.1'])
  })

  it('holds exactly what was set last, whatever the order', () => {
    const object = fc.oneof(
      fc.constantFrom('web', 'db').map(aService),
      fc
        .tuple(fc.constantFrom('s-1', 's-2', 's-3'), fc.constantFrom('web', 'db'))
        .map(([name, of]) => aSlice(name, of)),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(object, fc.boolean()), { maxLength: 30 }), (steps) => {
        const store = new Store()
        const expected = new Map<string, ClusterObject>()
        for (const [each, isSet] of steps) {
          if (isSet) set(store, each)
          else remove(store, each)
          if (isSet) expected.set(objectId(each), each)
          else expected.delete(objectId(each))
        }
        for (const key of [WEB, DB]) {
          expect(store.service(key) !== undefined).toBe(expected.has(`Service ${key}`))
          const slices = [...expected.values()].filter(
            (each) => each.kind === 'EndpointSlice' && each.value.service === key,
          )
          expect(slicesOf(store, key).sort()).toEqual(slices.map((each) => each.value.name).sort())
        }
      }),
    )
  })
})

describe('ServiceCIDRs', () => {
  const aServiceCIDR = (name: string, ...cidrs: string[]): ClusterObject => {
    return { kind: 'ServiceCIDR', value: { name, cidrs: cidrs as Cidr[] } }
  }

  it('are put together, and readers are told (promise 52)', async () => {
    const store = synced()
    const reader = store.reader()
    await reader.next()
    set(store, aServiceCIDR('a', '10.96.0.0/12', 'fd00::/112'), aServiceCIDR('b', '10.96.0.0/12', '10.0.0.0/16'))
    expect(store.serviceCIDRs()).toEqual(['10.0.0.0/16', '10.96.0.0/12', 'fd00::/112'])
    expect((await reader.next())?.serviceCIDRs).toEqual(new Set(['a', 'b']))
    remove(store, aServiceCIDR('b'))
    expect(store.serviceCIDRs()).toEqual(['10.96.0.0/12', 'fd00::/112'])
    expect((await reader.next())?.serviceCIDRs).toEqual(new Set(['b']))
  })
})

describe('StoreReader', () => {
  it('sees nothing before the store is synced (promise 17)', async () => {
    const store = new Store()
    set(store, aService('web'))
    const reader = store.reader()
    let isRead = false
    const next = reader.next().then((changes) => {
      isRead = true
      return changes
    })
    set(store, aService('db'), aNode('node-1'))
    await Promise.resolve()
    expect(isRead).toBe(false)
    store.markSynced()
    expect(await next).toMatchObject({
      revision: 2,
      services: new Set([WEB, DB]),
      nodes: new Set(['node-1']),
      serviceCIDRs: new Set(),
    })
  })

  it('gets a first change set also when the cluster is empty', async () => {
    expect(await synced().reader().next()).toMatchObject({
      revision: 0,
      services: new Set(),
      nodes: new Set(),
      serviceCIDRs: new Set(),
    })
  })

  it('coalesces what changed while it did not look', async () => {
    const store = synced()
    const [slow, fast] = [store.reader(), store.reader()]
    await slow.next()
    await fast.next()
    set(store, aService('web'))
    expect((await fast.next())?.services).toEqual(new Set([WEB]))
    set(store, aSlice('web-1', 'web'))
    set(store, aSlice('web-1', 'web'))
    set(store, aService('db'))
    remove(store, aService('db'))
    expect(await fast.next()).toMatchObject({
      revision: 5,
      services: new Set([WEB, DB]),
      nodes: new Set(),
      serviceCIDRs: new Set(),
    })
    expect(await slow.next()).toMatchObject({
      revision: 5,
      services: new Set([WEB, DB]),
      nodes: new Set(),
      serviceCIDRs: new Set(),
    })
  })

  it('takes everything that came until it goes on', async () => {
    const store = synced()
    const reader = store.reader()
    await reader.next()
    const next = reader.next()
    set(store, aService('web'))
    set(store, aService('db'))
    expect((await next)?.services).toEqual(new Set([WEB, DB]))
  })

  it('waits again once it has everything', async () => {
    const store = synced()
    const reader = store.reader()
    await reader.next()
    const next = reader.next()
    setImmediate(() => set(store, aNode('node-1')))
    expect((await next)?.nodes).toEqual(new Set(['node-1']))
  })

  it('tells how long its changes have waited, but not those of the initial state', async () => {
    const store = synced()
    set(store, aService('web'))
    const reader = store.reader()
    expect((await reader.next())?.times.since).toBeUndefined()
    const before = performance.now()
    set(store, aService('web'))
    const between = performance.now()
    set(store, aService('db'))
    const since = (await reader.next())?.times.since
    expect(since).toBeGreaterThanOrEqual(before)
    expect(since).toBeLessThanOrEqual(between)
  })

  it('tells how many changes the store had seen', async () => {
    const store = synced()
    const reader = store.reader()
    set(store, aService('web'), aSlice('web-1', 'web'), aSlice('web-2', 'web'))
    remove(store, aSlice('web-2', 'web'), aService('missing'))
    const times = (await reader.next())?.times
    set(store, aService('db'))
    expect(times?.seen).toMatchObject({ services: 1, endpointSlices: 3 })
    expect(store.changes).toMatchObject({ services: 2, endpointSlices: 3 })
    expect(store.changes.lastAt).toBeGreaterThan(0)
  })

  it('tells of each slice that changed the oldest time since it looked, if it is after the reader was made', async () => {
    const store = synced()
    set(store, slow('web-0', Date.now() + 60_000))
    const reader = store.reader()
    const [early, late] = [Date.now() + 1000, Date.now() + 2000]
    set(store, slow('web-1', early), slow('web-2', Date.now() - 1000), aSlice('web-3', 'web'), slow('web-4', late))
    set(store, slow('web-1', late))
    remove(store, slow('web-4', late), slow('web-0', late))
    expect((await reader.next())?.times.triggers).toEqual([{ family: 4, time: early }])
    set(store, slow('web-1', late))
    expect((await reader.next())?.times.triggers).toEqual([{ family: 4, time: late }])
  })

  it('ends when it is closed, also with changes left', async () => {
    const store = synced()
    const reader = store.reader()
    reader.close()
    set(store, aService('web'))
    expect(await reader.next()).toBeUndefined()
  })
})
