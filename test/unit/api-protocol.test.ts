import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClusterObject } from '../../src/model/object.ts'
import { decode } from '../../src/model/wire/decode.ts'
import { ENDPOINT } from '../../src/model/wire/messages.ts'
import { TestClient } from '../fixtures/api-clients.ts'
import { TestServer } from '../fixtures/api-server.ts'
import { endpoint, ip, node, service, slice } from '../fixtures/services.ts'

const NODE = { NodeName: 'node-1' }

let server: TestServer
const clients: TestClient[] = []

async function client(api: 'localv1' | 'globalv1'): Promise<TestClient> {
  const made = await TestClient.connect(server.server.address, api)
  clients.push(made)
  return made
}

beforeEach(async () => {
  server = await TestServer.start()
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (one) => one.close()))
  await server.close()
})

function web(name: string, octet: number): ClusterObject {
  return { kind: 'Service', value: service(name, { clusterIPs: [ip(`10.0.0.${octet}`)] }) }
}

function endpoints(of: string, ...list: (readonly [address: string, pod: string, node?: string])[]): ClusterObject {
  const made = list.map(([address, podName, nodeName = '']) => endpoint(address, { podName, nodeName }))
  return { kind: 'EndpointSlice', value: slice(`${of}-1`, of, { endpoints: made }) }
}

describe('the local API, to a client made of the proto files alone', () => {
  it('tells nothing before the state is complete, and Sync also of an empty one', async () => {
    const local = await client('localv1')
    local.ask(NODE)
    server.set(web('a', 1))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(local.untaken).toBe(0)
    server.delete('Service default/a')
    server.store.markSynced()
    expect(await local.answer()).toEqual(['Reset', 'Sync'])
  })

  it("has KPNG's order: Sets by path, Deletes by path in reverse, no endpoint without its Service", async () => {
    server.store.markSynced()
    server.set(web('b', 2), web('a', 1), web('a-c', 3))
    server.set(endpoints('a', ['10.1.0.2', 'p2'], ['10.1.0.1', 'p1'], ['10.1.0.9', '']))
    server.set(endpoints('a-c', ['10.1.0.3', 'p3']), endpoints('b', ['10.1.0.4', '']))
    const local = await client('localv1')
    expect(await local.round(NODE)).toEqual([
      'Reset',
      'Set ServicesSet default/a',
      'Set ServicesSet default/a-c',
      'Set ServicesSet default/b',
      'Set EndpointsSet default/a-c/p3',
      'Set EndpointsSet default/a/p1',
      'Set EndpointsSet default/a/p2',
      'Set EndpointsSet default/a/10.1.0.9',
      'Set EndpointsSet default/b/10.1.0.4',
      'Sync',
    ])
    local.ask(NODE)
    server.store.apply({
      set: [web('d', 4), endpoints('d', ['10.1.0.7', ''], ['10.1.0.6', 'p6']), endpoints('a', ['10.1.0.1', 'p1'])],
      delete: ['Service default/b', 'EndpointSlice default/b-1', 'Service default/a-c'] as never,
    })
    expect(await local.answer()).toEqual([
      'Set ServicesSet default/d',
      'Delete EndpointsSet default/b/10.1.0.4',
      'Delete EndpointsSet default/a/10.1.0.9',
      'Set EndpointsSet default/d/p6',
      'Delete EndpointsSet default/a/p2',
      'Delete EndpointsSet default/a-c/p3',
      'Set EndpointsSet default/d/10.1.0.7',
      'Delete ServicesSet default/b',
      'Delete ServicesSet default/a-c',
      'Sync',
    ])
  })

  it('tells a slow client what changed meanwhile in one change set', async () => {
    server.store.markSynced()
    server.set(web('a', 1))
    const local = await client('localv1')
    await local.round(NODE)
    for (let i = 1; i <= 100; i++) server.set(endpoints('a', [`10.1.0.${i}`, `p${i}`]))
    server.set(web('b', 2))
    server.delete('Service default/b')
    expect(await local.round(NODE)).toEqual(['Set EndpointsSet default/a/p100', 'Sync'])
  })

  it('keeps both families of a dual-stack pod', async () => {
    server.store.markSynced()
    server.set(web('a', 1), endpoints('a', ['10.1.0.1', 'p1']))
    const six = slice('a-6', 'a', { family: 6, endpoints: [endpoint('fd00::1', { podName: 'p1' })] })
    server.set({ kind: 'EndpointSlice', value: six })
    const local = await client('localv1')
    const ops = await local.operations.call(await asked(local))
    const values = ops.flatMap(({ Set: value }) => (value?.Ref.Set === 'EndpointsSet' ? [value] : []))
    expect(values.map(({ Ref }) => Ref.Path)).toEqual(['default/a/p1,10.1.0.1', 'default/a/p1,fd00::1'])
    expect(values.map(({ Bytes }) => decode(ENDPOINT, Bytes)['ips'])).toEqual([
      { v4: ['10.1.0.1'] },
      { v6: ['fd00::1'] },
    ])
  })

  it("tells only what KPNG's clients may use, unless the client understands more", async () => {
    const ready = endpoint('10.1.0.1', { podName: 'p1' })
    const ending = endpoint('10.1.0.2', { podName: 'p2', ready: false, serving: true, terminating: true })
    server.store.markSynced()
    server.set(web('a', 1), { kind: 'EndpointSlice', value: slice('a-1', 'a', { endpoints: [ready, ending] }) })
    server.set({ kind: 'Node', value: node('node-1') })
    server.set({ kind: 'ServiceCIDR', value: { name: 'kubernetes', cidrs: [] } })
    const plain = await client('localv1')
    expect(await plain.round(NODE)).toEqual([
      'Reset',
      'Set ServicesSet default/a',
      'Set EndpointsSet default/a/p1',
      'Sync',
    ])
    const more = await client('localv1')
    expect(await more.round({ ...NODE, WithAdditions: true })).toEqual([
      'Reset',
      'Set NodesSet node-1',
      'Set ServiceCIDRsSet service-cidrs',
      'Set ServicesSet default/a',
      'Set EndpointsSet default/a/p1',
      'Set EndpointsSet default/a/p2',
      'Sync',
    ])
  })

  it('reads the name of the node anew in each request', async () => {
    server.store.markSynced()
    const policy = { internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' } as const
    server.set({ kind: 'Service', value: service('a', { clusterIPs: [ip('10.0.0.1')], ...policy }) }, web('b', 2))
    server.set(
      endpoints('a', ['10.1.0.1', 'p1', 'node-1'], ['10.1.0.2', 'p2', 'node-2']),
      endpoints('b', ['10.1.0.3', 'p3']),
    )
    const local = await client('localv1')
    await local.round(NODE)
    expect(await local.round({ NodeName: 'node-2' })).toEqual([
      'Set EndpointsSet default/a/p2',
      'Delete EndpointsSet default/a/p1',
      'Sync',
    ])
  })

  it('tells what another zone of the node means', async () => {
    const zone = (name: string): ClusterObject => {
      return { kind: 'Node', value: node('node-1', { labels: { 'topology.kubernetes.io/zone': name } }) }
    }
    const hinted = ['x', 'y'].map((name, i) => endpoint(`10.1.0.${i + 1}`, { podName: name, hintZones: [name] }))
    server.store.markSynced()
    server.set(
      web('a', 1),
      web('b', 2),
      { kind: 'EndpointSlice', value: slice('a-1', 'a', { endpoints: hinted }) },
      zone('x'),
    )
    const local = await client('localv1')
    expect(await local.round(NODE)).toContain('Set EndpointsSet default/a/x')
    server.set(zone('y'))
    expect(await local.round(NODE)).toEqual(['Set EndpointsSet default/a/y', 'Delete EndpointsSet default/a/x', 'Sync'])
  })
})

async function asked(client: TestClient): Promise<TestClient> {
  client.ask(NODE)
  return client
}

describe('the global API, to a client made of the proto files alone', () => {
  /** Hashes as `#`. */
  const anonymous = (ops: readonly string[]) => ops.map((op) => op.replace(/\|[0-9a-f]{8,16}$/, '|#'))

  it("has KPNG's order, and each endpoint twice", async () => {
    server.store.markSynced()
    server.set(web('b', 2), web('a', 1), endpoints('a', ['10.1.0.1', 'p1']), { kind: 'Node', value: node('node-1') })
    const global = await client('globalv1')
    expect(anonymous(await global.round({}))).toEqual([
      'Reset',
      'Set GlobalNodeInfos |node-1||',
      'Set GlobalServiceInfos default|a||',
      'Set GlobalServiceInfos default|b||',
      'Set GlobalEndpointInfos default|a|a-1|#',
      'Set GlobalEndpointInfos default||a-1|#',
      'Sync',
    ])
    server.delete('Node node-1', 'EndpointSlice default/a-1', 'Service default/a')
    expect(anonymous(await global.round({}))).toEqual([
      'Delete GlobalEndpointInfos default||a-1|#',
      'Delete GlobalEndpointInfos default|a|a-1|#',
      'Delete GlobalServiceInfos default|a||',
      'Delete GlobalNodeInfos |node-1||',
      'Sync',
    ])
  })

  it('tells each endpoint once to a client that says that this is enough, and ranges', async () => {
    server.store.markSynced()
    server.set(web('a', 1), endpoints('a', ['10.1.0.1', 'p1']))
    server.set({ kind: 'ServiceCIDR', value: { name: 'kubernetes', cidrs: [] } })
    const global = await client('globalv1')
    expect(anonymous(await global.round({ WithAdditions: true }))).toEqual([
      'Reset',
      'Set GlobalServiceCIDRInfos |kubernetes||',
      'Set GlobalServiceInfos default|a||',
      'Set GlobalEndpointInfos default|a|a-1|#',
      'Sync',
    ])
  })

  it('tells a change of nothing but hints', async () => {
    const hinted = (zones: string[]): ClusterObject => {
      return {
        kind: 'EndpointSlice',
        value: slice('a-1', 'a', { endpoints: [endpoint('10.1.0.1', { hintZones: zones })] }),
      }
    }
    server.store.markSynced()
    server.set(web('a', 1), hinted(['x']))
    const global = await client('globalv1')
    await global.round({ WithAdditions: true })
    server.set(hinted(['y']))
    expect(anonymous(await global.round({ WithAdditions: true }))).toEqual([
      'Set GlobalEndpointInfos default|a|a-1|#',
      'Delete GlobalEndpointInfos default|a|a-1|#',
      'Sync',
    ])
  })
})
