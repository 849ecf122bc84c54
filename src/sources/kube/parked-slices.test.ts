import { expect, test } from 'vitest'
import { endpointSlice } from '../../../test/sluice/manifests.ts'
import type { EndpointSlice } from '../../model/endpoint-slice.ts'
import { type ObjectId, objectId } from '../../model/object.ts'
import { parseObject } from '../../model/parse/object.ts'
import { serviceKey } from '../../model/service.ts'
import { packSlice, unpackSlice } from './packed-slice.ts'
import { ParkedSlices } from './parked-slices.ts'

const WEB = serviceKey('default', 'web')

function slice(address: string, name = 'web-1', service = 'web'): EndpointSlice {
  const [object] = parseObject(
    endpointSlice(service, { name, ports: [{ port: 80 }], endpoints: [address] }),
    '',
  ).objects
  if (object?.kind !== 'EndpointSlice') throw new TypeError('no slice')
  return object.value
}

function idOf(value: EndpointSlice): ObjectId {
  return objectId({ kind: 'EndpointSlice', value })
}

test('a packed slice is the same again, and takes a fraction of its text', () => {
  const endpoints = Array.from({ length: 20 }, (_, i) => `10.244.${i}.7`)
  const [object] = parseObject(endpointSlice('web', { ports: [{ port: 80 }], endpoints }), '').objects
  const value = object?.value as EndpointSlice
  expect(unpackSlice(packSlice(value))).toEqual(value)
  expect(packSlice(value).length).toBeLessThan(JSON.stringify(value).length / 8)
})

test('names that are no ASCII survive', () => {
  const value = { ...slice('10.244.0.1'), name: 'wéb-日本' }
  expect(unpackSlice(packSlice(value))).toEqual(value)
})

test('slices wait until their Service is ours', () => {
  const parked = new ParkedSlices()
  expect(parked.park(slice('10.244.0.1'))).toBe(true)
  expect(parked.park(slice('10.244.0.2'))).toBe(true)
  expect(parked.park(slice('10.244.0.3', 'web-2'))).toBe(true)
  expect(parked.park(slice('10.244.0.4', 'other-1', 'other'))).toBe(true)
  expect(parked.size).toBe(3)
  expect(parked.claim(WEB)).toEqual([slice('10.244.0.2'), slice('10.244.0.3', 'web-2')])
  expect(parked.claim(WEB)).toEqual([])
  expect(parked.park(slice('10.244.0.5'))).toBe(false)
  parked.disclaim(WEB)
  expect(parked.park(slice('10.244.0.5'))).toBe(true)
  expect([...parked.ids()]).toEqual([idOf(slice('10.244.0.4', 'other-1', 'other')), idOf(slice('10.244.0.5'))])
})

test('a slice that names another Service belongs to that one only', () => {
  const parked = new ParkedSlices()
  parked.park(slice('10.244.0.1'))
  parked.park(slice('10.244.0.1', 'web-1', 'other'))
  expect(parked.claim(WEB)).toEqual([])
  parked.drop(idOf(slice('10.244.0.1')))
  expect(parked.claim(serviceKey('default', 'other'))).toEqual([])
  expect(parked.size).toBe(0)
})
