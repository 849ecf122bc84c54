import { expect, test } from 'vitest'
import { ip, local, localEndpoint, service, servicePort } from '../../test/fixtures/services.ts'
import type { LocalEndpoint, LocalService } from '../model/local.ts'
import type { Service } from '../model/service.ts'
import { virtualServers } from '../virtual-server/from-local.ts'
import { NoLocalEndpoints } from './no-local-endpoints.ts'

const elsewhere = (address: string, here = false): LocalEndpoint =>
  localEndpoint(address, { local: here, scopes: { internal: here, external: here } })

const web = (overrides: Partial<Service>, ...endpoints: LocalEndpoint[]): LocalService =>
  local(service('web', { clusterIPs: [ip('10.96.0.1')], ...overrides }), endpoints)

const INTERNAL = { internalTrafficPolicy: 'Local' } as const
const EXTERNAL = {
  type: 'LoadBalancer',
  externalTrafficPolicy: 'Local',
  loadBalancerIPs: [ip('192.0.2.1')],
  externalIPs: [ip('192.0.2.2')],
  ports: [servicePort({ nodePort: 30000 })],
} as const

test.each([
  ['internal, none here', web(INTERNAL, elsewhere('10.1.0.1')), 1, 0],
  ['internal, one here', web(INTERNAL, elsewhere('10.1.0.1'), elsewhere('10.1.0.2', true)), 0, 0],
  ['internal, none at all', web(INTERNAL), 0, 0],
  ['external, none here: its three destinations count once', web(EXTERNAL, elsewhere('10.1.0.1')), 0, 1],
  ['both', web({ ...INTERNAL, ...EXTERNAL }, elsewhere('10.1.0.1')), 1, 1],
  ['policy Cluster', web({}, elsewhere('10.1.0.1')), 0, 0],
])('%s', (_, of, internal, external) => {
  const counts = new NoLocalEndpoints()
  counts.set(of.key, virtualServers(of))
  expect([counts.count(4, 'internal'), counts.count(4, 'external')]).toEqual([internal, external])
  expect(counts.count(6, 'internal')).toBe(0)
})

test('what a Service was before does not count any more', () => {
  const counts = new NoLocalEndpoints()
  const before = virtualServers(web({ ...INTERNAL, ...EXTERNAL }, elsewhere('10.1.0.1')))
  const { key } = web({})
  counts.set(key, before)
  counts.set(key, before)
  expect(counts.count(4, 'external')).toBe(1)
  counts.set(key, virtualServers(web(INTERNAL, elsewhere('10.1.0.1'))))
  expect([counts.count(4, 'internal'), counts.count(4, 'external')]).toEqual([1, 0])
  counts.set(key, [])
  expect(counts.count(4, 'internal')).toBe(0)
})
