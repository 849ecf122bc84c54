import { describe, expect, it } from 'vitest'
import { endpoint, ip, node, service, slice } from '../../test/fixtures/services.ts'
import type { Cidr } from '../model/ip.ts'
import { type ClusterObject, objectId } from '../model/object.ts'
import { type Service, serviceKey } from '../model/service.ts'
import { Store } from '../store/store.ts'
import { NodeView } from './view.ts'

const web = service('web', { clusterIPs: [ip('10.96.0.1')] })
const WEB = serviceKey('default', 'web')

function storeWith(...objects: ClusterObject[]): Store {
  const store = new Store()
  store.apply({ set: objects, delete: [] })
  store.markSynced()
  return store
}

describe('NodeView.local', () => {
  it('joins a Service with the endpoints of its slices', () => {
    const store = storeWith(
      { kind: 'Service', value: web },
      { kind: 'EndpointSlice', value: slice('web-1', 'web', { endpoints: [endpoint('10.1.0.1')] }) },
      { kind: 'EndpointSlice', value: slice('db-1', 'db', { endpoints: [endpoint('10.1.0.2')] }) },
    )
    const view = new NodeView(store, 'node-1')
    expect(view.local(WEB)).toMatchObject({ key: WEB, service: web, endpoints: [{ address: '10.1.0.1' }] })
    expect(view.local(serviceKey('default', 'db'))).toBeUndefined()
  })

  it.each<[string, Partial<Service>]>([
    ['headless (promise 1)', { clusterIPs: [] }],
    ['ExternalName (promise 2)', { type: 'ExternalName' }],
    ["another proxy's (promise 3)", { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } }],
    ['labelled headless (promise 4)', { labels: { 'service.kubernetes.io/headless': '' } }],
  ])('leaves out a Service that is %s', (_, overrides) => {
    const store = storeWith({ kind: 'Service', value: { ...web, ...overrides } })
    expect(new NodeView(store, 'node-1').local(WEB)).toBeUndefined()
  })

  it.each<[string, Record<string, string>, boolean]>([
    ['of its name', { 'service.kubernetes.io/service-proxy-name': 'mine' }, true],
    ['of another name', { 'service.kubernetes.io/service-proxy-name': 'other' }, false],
    ['of no name', {}, false],
    ['of an empty name', { 'service.kubernetes.io/service-proxy-name': '' }, false],
    [
      'of its name, labelled headless',
      { 'service.kubernetes.io/service-proxy-name': 'mine', 'service.kubernetes.io/headless': '' },
      false,
    ],
  ])('of a proxy with a name has a Service %s: %s %s', (_, labels, isServed) => {
    const store = storeWith({ kind: 'Service', value: { ...web, labels } })
    expect(new NodeView(store, 'node-1', 'mine').local(WEB) !== undefined).toBe(isServed)
  })

  it('leaves out a Service whose name of a proxy is empty', () => {
    const labels = { 'service.kubernetes.io/service-proxy-name': '' }
    const store = storeWith({ kind: 'Service', value: { ...web, labels } })
    expect(new NodeView(store, 'node-1').local(WEB)).toBeUndefined()
  })

  it('has a Service without slices', () => {
    expect(new NodeView(storeWith({ kind: 'Service', value: web }), 'node-1').local(WEB)?.endpoints).toEqual([])
  })
})

describe('NodeView.next', () => {
  it('names every Service at first, and then those that changed', async () => {
    const store = storeWith({ kind: 'Service', value: web }, { kind: 'Service', value: service('db') })
    const view = new NodeView(store, 'node-1')
    expect((await view.next())?.services).toEqual(new Set([WEB, 'default/db']))
    store.apply({ set: [{ kind: 'EndpointSlice', value: slice('web-1', 'web') }], delete: [] })
    expect(await view.next()).toMatchObject({ revision: 2, services: new Set([WEB]), node: undefined })
  })

  it("says when the node's own object changed, and when it is gone", async () => {
    const own = node('node-1')
    const other = node('node-2')
    const store = storeWith({ kind: 'Node', value: own }, { kind: 'Node', value: other })
    const view = new NodeView(store, 'node-1')
    expect((await view.next())?.node).toEqual(own)
    store.apply({ set: [{ kind: 'Node', value: other }], delete: [] })
    expect((await view.next())?.node).toBeUndefined()
    store.apply({ set: [], delete: [objectId({ kind: 'Node', value: own })] })
    expect((await view.next())?.node).toBeNull()
  })

  it('tells the ranges of cluster IPs, but not to a proxy that has a name', async () => {
    const cidrs = ['10.96.0.0/12' as Cidr]
    const store = storeWith({ kind: 'ServiceCIDR', value: { name: 'kubernetes', cidrs } })
    expect((await new NodeView(store, 'node-1').next())?.serviceCIDRs).toEqual(cidrs)
    expect((await new NodeView(store, 'node-1', 'mine').next())?.serviceCIDRs).toBeUndefined()
  })

  it('ends when the view is closed', async () => {
    const view = new NodeView(new Store(), 'node-1')
    const next = view.next()
    void view.close()
    expect(await next).toBeUndefined()
  })
})
