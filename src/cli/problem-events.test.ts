import { expect, test } from 'vitest'
import type { StatusProblem } from '../observe/status.ts'
import { problemEvent, startingEvent } from './problem-events.ts'

const problem = (object: string, overrides: Partial<StatusProblem> = {}): StatusProblem => {
  return { severity: 'error', object, field: '', message: 'what is wrong', origin: '', ...overrides }
}
const warning = { severity: 'warning' } as const

test.each([
  ['healthz', {}, 'Node', '/node-1', 'FailedToStartProxierHealthcheck', 'StartKubeProxy'],
  ['metrics', {}, 'Node', '/node-1', 'FailedToStartMetricServer', 'StartKubeProxy'],
  ['conntrack', warning, 'Node', '/node-1', 'FailedToSetConntrack', 'StartKubeProxy'],
  [
    'shop/web',
    { field: 'spec.healthCheckNodePort' },
    'Service',
    'shop/web',
    'FailedToStartServiceHealthcheck',
    'Listen',
  ],
  [
    'EndpointSlice shop/web-1',
    { ...warning, kind: 'wrong-family', field: 'endpoints[0].addresses[0]' },
    'EndpointSlice',
    'shop/web-1',
    'KubeProxyIncorrectIPVersion',
    'GatherEndpoints',
  ],
  [
    'Service shop/web',
    { ...warning, kind: 'wrong-family' },
    'Service',
    'shop/web',
    'KubeProxyIncorrectIPVersion',
    'GatherEndpoints',
  ],
  ['shop/web:http', { kind: 'conflict' }, 'Service', 'shop/web', 'DestinationConflict', 'ServeService'],
  ['shop/web:http', {}, 'Service', 'shop/web', 'FailedToServeService', 'ServeService'],
  ['Service shop/web', {}, 'Service', 'shop/web', 'InvalidObject', 'ReadObject'],
  ['Service shop/web', warning, 'Service', 'shop/web', 'InvalidField', 'ReadObject'],
  ['Node node-1', warning, 'Node', '/node-1', 'InvalidField', 'ReadObject'],
] as const)('%s %j', (object, overrides, kind, subject, reason, action) => {
  const event = problemEvent(problem(object, overrides), 'node-1')
  const { regarding } = event ?? {}
  expect([regarding?.kind, `${regarding?.namespace}/${regarding?.name}`]).toEqual([kind, subject])
  expect(event).toMatchObject({ type: 'Warning', reason, action })
  expect(event?.note).toContain('what is wrong')
})

test.each([
  'Service',
  '',
  'apps/v1 Deployment',
  'Pod shop/web',
  'Service "strange name"',
  '3 objects',
  'Service SHOP/web',
])('"%s" is no object to write about', (object) => {
  expect(problemEvent(problem(object), 'node-1')).toBeUndefined()
})

test('the field is named in the note', () => {
  const event = problemEvent(problem('Service shop/web', { field: 'spec.ports' }), 'node-1')
  expect(event?.note).toBe('node node-1: spec.ports: what is wrong')
})

test('a start is told as kube-proxy tells it', () => {
  const regarding = { apiVersion: 'v1', kind: 'Node', namespace: '', name: 'node-1' }
  const action = 'StartKubeProxy'
  expect(startingEvent('node-1')).toEqual({ type: 'Normal', reason: 'Starting', action, note: '', regarding })
})
