import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeListeners } from '../../test/fixtures/listeners.ts'
import { silentLog } from '../../test/fixtures/log.ts'
import { ip, local, localEndpoint, node, service } from '../../test/fixtures/services.ts'
import { AgentHealth } from './agent-health.ts'

const web = local(
  service('web', {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 32_000,
    clusterIPs: [ip('10.96.0.1')],
  }),
  [localEndpoint('10.1.0.1', { local: true })],
)
const CHECK = '192.0.2.1:32000'
const addresses = [ip('192.0.2.1')]
let elapsed: number
let listeners: FakeListeners
let health: AgentHealth

beforeEach(async () => {
  elapsed = 0
  listeners = new FakeListeners()
  health = new AgentHealth({
    healthzAddress: { host: '', port: 10256 },
    bindAddressHardFail: false,
    log: silentLog,
    listen: listeners.listen,
    clock: { elapsed: () => elapsed, date: () => new Date(elapsed) },
  })
  await health.start()
})

afterEach(async () => {
  await health.close()
})

const statusOf = (path: string): number => listeners.ask('*:10256', path).status
const opened = async (): Promise<void> => new Promise(setImmediate)

test('a node whose object is gone gets no traffic, and one that comes back does', () => {
  expect(statusOf('/healthz')).toBe(200)
  health.setNode(null)
  expect(statusOf('/healthz')).toBe(503)
  health.setNode(node('node-1'))
  expect(statusOf('/healthz')).toBe(200)
})

test('ready after the first state is in the kernel, in both families', () => {
  health.queued()
  expect(statusOf('/readyz')).toBe(503)
  health.applied([6], addresses)
  expect(statusOf('/readyz')).toBe(503)
  health.applied([], addresses)
  expect(statusOf('/readyz')).toBe(200)
})

test('a family that fails makes the proxy late until that family is in line, and Services are told (promise 87)', async () => {
  health.queued()
  health.stage(web.key, web)
  health.applied([], addresses)
  await opened()
  expect(listeners.ask(CHECK).status).toBe(200)
  health.queued()
  health.applied([6], addresses)
  elapsed = 60_000
  for (const path of ['/healthz', '/livez', '/readyz']) expect(statusOf(path)).toBe(503)
  expect(listeners.ask(CHECK).status).toBe(503)
  health.queued()
  health.applied([4], addresses)
  expect(statusOf('/livez')).toBe(200)
  expect(listeners.ask(CHECK).status).toBe(200)
})

test('health checks are told when a family serves the change, not before', async () => {
  health.stage(web.key, web)
  health.applied([4, 6], addresses)
  await opened()
  expect(listeners.addresses).toEqual(['*:10256'])
  health.applied([6], addresses)
  await opened()
  expect(listeners.addresses).toEqual(['*:10256', CHECK])
})

test('problems of both kinds are told, and closing ends all', async () => {
  listeners.taken.add(CHECK)
  health.stage(web.key, web)
  health.applied([], addresses)
  await opened()
  expect(health.problems().map(({ object }) => object)).toEqual(['default/web'])
  await health.close()
  expect(health.problems()).toEqual([])
  expect(listeners.addresses).toEqual([])
})

test('without an address nothing is served but health checks', async () => {
  await health.close()
  const log = silentLog
  const none = new AgentHealth({
    healthzAddress: undefined,
    bindAddressHardFail: true,
    log,
    listen: listeners.listen,
  })
  await none.start()
  expect(listeners.addresses).toEqual([])
  await none.close()
})

test('with hard fail a taken address ends the agent', async () => {
  const log = silentLog
  const options = {
    healthzAddress: { host: '', port: 10256 },
    bindAddressHardFail: true,
    log,
    listen: listeners.listen,
  }
  await expect(new AgentHealth(options).start()).rejects.toMatchObject({ code: 'LISTEN_FAILED' })
})
