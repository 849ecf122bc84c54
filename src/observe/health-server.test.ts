import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeListeners } from '../../test/fixtures/listeners.ts'
import { silentLog } from '../../test/fixtures/log.ts'
import { ProxyHealth } from './health.ts'
import { HealthServer } from './health-server.ts'

const ADDRESS = '192.0.2.1:10256'
let listeners: FakeListeners
let health: ProxyHealth
let server: HealthServer

beforeEach(() => {
  vi.useFakeTimers()
  listeners = new FakeListeners()
  health = new ProxyHealth()
  const log = silentLog
  server = new HealthServer({ address: { host: '192.0.2.1', port: 10256 }, health, log, listen: listeners.listen })
})

afterEach(async () => {
  await server.close()
  vi.useRealTimers()
})

test.each([
  ['/healthz', 200, 503],
  ['/livez', 200, 200],
  ['/readyz', 503, 503],
])('%s is %i at the start, and %i on a node that is leaving', async (path, atStart, leaving) => {
  await server.start()
  const answer = listeners.ask(ADDRESS, path)
  expect(answer.status).toBe(atStart)
  expect(answer.headers).toEqual({ 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' })
  expect(JSON.parse(answer.body)).toMatchObject({ healthy: true })
  health.setNodeEligible(false)
  expect(listeners.ask(ADDRESS, path).status).toBe(leaving)
})

test.each(['/', '/healthz/', '/toString', '/healthzz', ''])('"%s" is not there', async (path) => {
  await server.start()
  expect(listeners.ask(ADDRESS, path).status).toBe(404)
})

test('an address that is taken is a problem until it is free', async () => {
  listeners.taken.add(ADDRESS)
  await server.start()
  expect(server.problems()).toMatchObject([{ severity: 'error', object: 'healthz' }])
  expect(server.problems()[0]?.message).toContain(ADDRESS)
  await vi.advanceTimersByTimeAsync(5000)
  expect(server.problems()).toHaveLength(1)
  listeners.taken.clear()
  await vi.advanceTimersByTimeAsync(5000)
  expect(server.problems()).toEqual([])
  expect(listeners.ask(ADDRESS, '/livez').status).toBe(200)
  expect(listeners.attempts).toHaveLength(3)
})

test('with hard fail it is an error', async () => {
  listeners.taken.add(ADDRESS)
  await expect(server.start(true)).rejects.toMatchObject({ code: 'LISTEN_FAILED', errno: 'EADDRINUSE' })
})

test.each([false, true])('closed, it does not listen any more (taken before: %s)', async (isTaken) => {
  if (isTaken) listeners.taken.add(ADDRESS)
  await server.start()
  await server.close()
  listeners.taken.clear()
  await vi.advanceTimersByTimeAsync(20_000)
  expect(listeners.addresses).toEqual([])
})

test('closed while it opens, it does not stay open', async () => {
  const started = server.start()
  await server.close()
  await started
  expect(listeners.addresses).toEqual([])
})

test('each answer is told, but for paths that there are not', async () => {
  const told: string[] = []
  const onAnswer = (path: string, status: number) => told.push(`${path} ${status}`)
  const address = { host: '192.0.2.2', port: 10256 }
  const counted = new HealthServer({ address, health, log: silentLog, listen: listeners.listen, onAnswer })
  await counted.start()
  for (const path of ['/healthz', '/livez', '/readyz', '/nothing']) listeners.ask('192.0.2.2:10256', path)
  expect(told).toEqual(['/healthz 200', '/livez 200', '/readyz 503'])
  await counted.close()
})
