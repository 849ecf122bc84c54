import { afterEach, beforeEach, expect, test } from 'vitest'
import { countsOf, eventually, KubeBed, web } from '../../../test/fixtures/kube-bed.ts'
import { endpointSlice, nodeObject } from '../../../test/sluice/manifests.ts'
import { keptKeys } from '../../model/parse/kept-keys.ts'
import { serviceKey } from '../../model/service.ts'

const NAME = { 'service.kubernetes.io/service-proxy-name': 'mine' }
const OTHER = { 'service.kubernetes.io/service-proxy-name': 'other' }
const HEADLESS = { 'service.kubernetes.io/headless': '' }
const WEB = serviceKey('default', 'web')

let bed: KubeBed

beforeEach(async () => {
  bed = await KubeBed.create()
})

afterEach(async () => bed.dispose())

function slice(address: string) {
  return endpointSlice('web', { ports: [{ port: 8080 }], endpoints: [address] })
}

/** Addresses of the endpoints that the store has for a Service. */
function endpoints(): string[] {
  return [...bed.store.endpointSlices(WEB)].flatMap((held) => held.endpoints.map(({ address }) => address))
}

test('Services of other proxies, and headless ones, are sifted out by the API server', async () => {
  bed.api.set(web('10.96.0.1'), web('10.96.0.2', 'other', OTHER), web('10.96.0.3', 'headless', HEADLESS))
  bed.api.set({ ...slice('10.244.0.1'), metadata: { ...labelled('headless-1'), namespace: 'default' } })
  const source = await bed.started()
  expect([...bed.store.serviceKeys()]).toEqual([WEB])
  expect(countsOf(source, 'EndpointSlice').objects).toBe(0)
})

function labelled(name: string) {
  return { name, labels: { 'kubernetes.io/service-name': 'headless', ...HEADLESS } }
}

test('Services come and go with their labels', async () => {
  bed.api.set(web('10.96.0.1'), slice('10.244.0.1'))
  await bed.started()
  bed.api.set(web('10.96.0.1', 'web', OTHER))
  await eventually('the Service to go', () => bed.addressOf('web') === undefined)
  bed.api.set(web('10.96.0.1'))
  await eventually('the Service to come', () => bed.addressOf('web') === '10.96.0.1')
  expect(endpoints()).toEqual(['10.244.0.1'])
})

test('with a name only Services of that name are read, and no ServiceCIDRs', async () => {
  bed.api.set(web('10.96.0.1'), web('10.96.0.2', 'other', OTHER), web('10.96.0.3', 'own', NAME))
  const source = bed.source({}, { proxyName: 'mine' })
  await source.start()
  expect([...bed.store.serviceKeys()]).toEqual(['default/own'])
  expect(source.counts().map(({ kind }) => kind)).toEqual(['Service', 'EndpointSlice', 'Node'])
  expect(bed.api.requests.filter(({ collection }) => collection === 'servicecidrs')).toEqual([])
})

test('with a name a Service that becomes ours has its endpoints at once, as they are by then', async () => {
  bed.api.set(web('10.96.0.1'), slice('10.244.0.1'))
  const source = bed.source({}, { proxyName: 'mine' })
  await source.start()
  await eventually('the watches', () => bed.api.watching('services') + bed.api.watching('endpointslices') === 2)
  expect(countsOf(source, 'EndpointSlice').objects).toBe(1)
  expect(endpoints()).toEqual([])
  bed.api.set(slice('10.244.0.2'))
  await eventually('the event', () => countsOf(source, 'EndpointSlice').events === 1)
  const { revision } = bed.store
  expect(endpoints()).toEqual([])

  bed.api.set(web('10.96.0.1', 'web', NAME))
  await eventually('the Service', () => bed.addressOf('web') === '10.96.0.1')
  expect(endpoints()).toEqual(['10.244.0.2'])
  expect(bed.store.revision).toBe(revision + 1)
  bed.api.set(slice('10.244.0.3'))
  await eventually('the change', () => endpoints()[0] === '10.244.0.3')

  bed.api.set(web('10.96.0.1', 'web', OTHER))
  await eventually('the Service to go', () => bed.addressOf('web') === undefined)
  expect(endpoints()).toEqual([])
  bed.api.delete(slice('10.244.0.3'))
  await eventually('the deletion', () => countsOf(source, 'EndpointSlice').objects === 0)
  bed.api.set(web('10.96.0.1', 'web', NAME))
  await eventually('the Service', () => bed.addressOf('web') === '10.96.0.1')
  expect(endpoints()).toEqual([])
})

test('with a name a new list finds what became of parked slices', async () => {
  bed.api.set(web('10.96.0.1'), slice('10.244.0.1'))
  const source = bed.source({}, { proxyName: 'mine' })
  await source.start()
  await bed.api.close()
  bed.api.delete(slice('10.244.0.1'))
  bed.api.compact()
  await bed.api.listen('127.0.0.1')
  await eventually('the second list', () => countsOf(source, 'EndpointSlice').lists === 2)
  expect(countsOf(source, 'EndpointSlice').objects).toBe(0)
})

test('labels and annotations are kept where globs ask for them', async () => {
  bed.api.set(web('10.96.0.1', 'web', { app: 'a', 'team/x': 'b' }), nodeObject('node-1', [], { rack: '1', zone: '2' }))
  await bed.started({}, { kept: keptKeys({ serviceLabels: ['team/*'], nodeLabels: ['rack'] }) })
  expect(bed.store.service(WEB)?.labels).toEqual({ 'team/x': 'b' })
  expect(bed.store.node('node-1')?.labels).toEqual({ rack: '1' })
})
