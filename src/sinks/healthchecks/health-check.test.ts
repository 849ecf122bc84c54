import { expect, test } from 'vitest'
import { ip, local, localEndpoint, service, servicePort } from '../../../test/fixtures/services.ts'
import type { LocalEndpoint } from '../../model/local.ts'
import { type Service, serviceKey } from '../../model/service.ts'
import { healthCheckAnswer, healthCheckOf } from './health-check.ts'

const BALANCER: Partial<Service> = {
  type: 'LoadBalancer',
  externalTrafficPolicy: 'Local',
  healthCheckNodePort: 32_000,
  clusterIPs: [ip('10.96.0.1'), ip('fd00::1')],
}
const here = (address: string, overrides: Partial<LocalEndpoint> = {}) =>
  localEndpoint(address, { local: true, ...overrides })

function countsOf(endpoints: readonly (string | LocalEndpoint)[], overrides: Partial<Service> = {}) {
  return healthCheckOf(local(service('web', { ...BALANCER, ...overrides }), endpoints))?.localEndpoints
}

test('pods of this node that are ready count, whatever the traffic policies make of them', () => {
  expect(countsOf([here('10.1.0.1'), here('10.1.0.2', { scopes: { internal: false, external: false } })])).toEqual({
    4: 2,
    6: 0,
  })
})

test('an address counts once, however many ports it has (promise 83)', () => {
  const dns = [{ name: 'dns', protocol: 'UDP', port: 53 }] as const
  expect(countsOf([here('10.1.0.1'), here('10.1.0.1', { ports: dns })])).toEqual({ 4: 1, 6: 0 })
})

test('pods elsewhere, pods that nobody placed and pods that terminate do not count (promise 83)', () => {
  const endpoints = ['10.1.0.1', localEndpoint('10.1.0.2', { unplaced: true }), here('10.1.0.3', { ready: false })]
  expect(countsOf(endpoints)).toEqual({ 4: 0, 6: 0 })
})

test('each family counts its own; one that the Service lacks has no check', () => {
  const endpoints = [here('10.1.0.1'), here('10.1.0.2'), here('fd01::1')]
  expect(countsOf(endpoints)).toEqual({ 4: 2, 6: 1 })
  expect(countsOf(endpoints, { clusterIPs: [ip('fd00::1')] })).toEqual({ 4: undefined, 6: 1 })
})

test.each<[string, Partial<Service>]>([
  ['no port', { healthCheckNodePort: 0 }],
  ['another type', { type: 'NodePort' }],
  ['the policy Cluster', { externalTrafficPolicy: 'Cluster' }],
])('%s means no health check', (_, overrides) => {
  expect(healthCheckOf(local(service('web', { ...BALANCER, ...overrides }), [here('10.1.0.1')]))).toBeUndefined()
  expect(healthCheckOf(local(service('web', { ...BALANCER, ...overrides, ports: [servicePort()] })))).toBeUndefined()
})

test.each([
  [0, true, 503],
  [0, false, 503],
  [2, false, 503],
  [2, true, 200],
])('%i pods and a proxy that is healthy: %s is %i', (count, isHealthy, status) => {
  const answer = healthCheckAnswer(serviceKey('shop', 'web'), count, isHealthy)
  expect(answer.status).toBe(status)
  expect(answer.headers['X-Load-Balancing-Endpoint-Weight']).toBe(String(count))
  expect(answer.body).toBe(
    [
      '{',
      '\t"service": {',
      '\t\t"namespace": "shop",',
      '\t\t"name": "web"',
      '\t},',
      `\t"localEndpoints": ${count},`,
      `\t"serviceProxyHealthy": ${isHealthy}`,
      '}',
    ].join('\n'),
  )
})
