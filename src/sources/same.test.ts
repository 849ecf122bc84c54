import { expect, test } from 'vitest'
import { endpoint, service, slice } from '../../test/fixtures/services.ts'
import type { ClusterObject } from '../model/object.ts'
import { isSameObject } from './same.ts'

const at = (lastChangeTriggerTime: number, address = '10.1.0.1'): ClusterObject => ({
  kind: 'EndpointSlice',
  value: slice('web-1', 'web', { lastChangeTriggerTime, endpoints: [endpoint(address)] }),
})

test('when a slice was changed does not make it another one, since it says nothing of traffic', () => {
  expect(isSameObject(at(1), at(2))).toBe(true)
  expect(isSameObject(at(1), at(1, '10.1.0.2'))).toBe(false)
  expect(isSameObject(undefined, at(1))).toBe(false)
})

test('any other field does', () => {
  const web: ClusterObject = { kind: 'Service', value: service('web') }
  expect(isSameObject(web, { kind: 'Service', value: service('web') })).toBe(true)
  expect(isSameObject(web, { kind: 'Service', value: service('web', { creationTimestamp: 1 }) })).toBe(false)
})
