import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FakeListeners } from '../../../test/fixtures/listeners.ts'
import { silentLog } from '../../../test/fixtures/log.ts'
import { ip, local, localEndpoint, service } from '../../../test/fixtures/services.ts'
import type { IpAddress } from '../../model/ip.ts'
import type { LocalService } from '../../model/local.ts'
import { type ServiceKey, serviceKey } from '../../model/service.ts'
import { HealthCheckServers } from './servers.ts'

let listeners: FakeListeners
let isHealthy: boolean
let servers: HealthCheckServers

beforeEach(() => {
  vi.useFakeTimers()
  listeners = new FakeListeners()
  isHealthy = true
  const log = silentLog
  servers = new HealthCheckServers({ isHealthy: () => isHealthy, log, listen: listeners.listen })
})

afterEach(async () => {
  await servers.close()
  expect(listeners.addresses).toEqual([])
  vi.useRealTimers()
})

/** A load balancer with that many ready pods on this node. */
function balancer(name: string, port: number, pods = 0, clusterIPs = ['10.96.0.1']): LocalService {
  const of = service(name, {
    namespace: 'a',
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: port,
    clusterIPs: clusterIPs.map(ip),
  })
  return local(
    of,
    Array.from({ length: pods }, (_, i) => localEndpoint(`10.1.0.${i + 1}`, { local: true })),
  )
}

const keyOf = (name: string): ServiceKey => serviceKey('a', name)
const at = (...addresses: string[]): IpAddress[] => addresses.map(ip)

async function update(services: Readonly<Record<string, LocalService | undefined>>): Promise<void> {
  for (const [name, of] of Object.entries(services)) servers.stage(keyOf(name), of)
  await servers.publish()
}

/** Status and weight. */
function ask(address: string): [number, number] {
  const { status, headers } = listeners.ask(address)
  return [status, Number(headers['X-Load-Balancing-Endpoint-Weight'])]
}

// The steps that Kubernetes tests are test/conformance/cases/health.json.

test.each(['GET', 'POST', 'DELETE'])('any path is answered to %s (promise 82)', async (method) => {
  await servers.setAddresses(at('0.0.0.0'))
  await update({ b: balancer('b', 9376, 1) })
  for (const path of ['/', '/healthz', '/what/ever', '']) {
    expect(listeners.ask('0.0.0.0:9376', path, method).status).toBe(200)
  }
})

test('what is staged is told to nobody until it is published', async () => {
  await servers.setAddresses(at('192.0.2.1'))
  servers.stage(keyOf('web'), balancer('web', 9000, 1))
  await servers.settled()
  expect(listeners.addresses).toEqual([])
  await servers.publish()
  servers.stage(keyOf('web'), balancer('web', 9000, 2))
  expect(ask('192.0.2.1:9000')).toEqual([200, 1])
  servers.stage(keyOf('web'), undefined)
  servers.stage(keyOf('new'), balancer('new', 9001))
  servers.stage(keyOf('new'), undefined)
  await servers.publish()
  expect(listeners.addresses).toEqual([])
})

test('another number of pods opens nothing anew', async () => {
  await servers.setAddresses(at('192.0.2.1'))
  await update({ web: balancer('web', 9000, 1) })
  await update({ web: balancer('web', 9000, 5) })
  expect(listeners.attempts).toHaveLength(1)
  expect(ask('192.0.2.1:9000')).toEqual([200, 5])
})

test('a Service is asked on addresses of its own families, and each has its own count', async () => {
  await servers.setAddresses(at('192.0.2.1', '2001:db8::1'))
  await update({
    four: balancer('four', 9004, 1),
    six: balancer('six', 9006, 1, ['fd00::1']),
    both: balancer('both', 9046, 2, ['10.96.0.2', 'fd00::2']),
  })
  expect(listeners.addresses).toEqual(['192.0.2.1:9004', '192.0.2.1:9046', '[2001:db8::1]:9006', '[2001:db8::1]:9046'])
  expect(ask('192.0.2.1:9046')).toEqual([200, 2])
  expect(ask('[2001:db8::1]:9046')).toEqual([503, 0])
  await update({ both: balancer('both', 9046, 2, ['10.96.0.2']) })
  expect(listeners.addresses).not.toContain('[2001:db8::1]:9046')
})

test('listeners follow the addresses; those that stay are not touched', async () => {
  await servers.setAddresses(at('192.0.2.1', '192.0.2.2'))
  await update({ web: balancer('web', 9000) })
  await servers.setAddresses(at('192.0.2.2', '192.0.2.3'))
  expect(listeners.addresses).toEqual(['192.0.2.2:9000', '192.0.2.3:9000'])
  expect(listeners.attempts).toEqual(['192.0.2.1:9000', '192.0.2.2:9000', '192.0.2.3:9000'])
  await servers.setAddresses([])
  expect(listeners.addresses).toEqual([])
})

test('two Services may exchange their ports', async () => {
  await servers.setAddresses(at('192.0.2.1'))
  await update({ one: balancer('one', 9001, 1), two: balancer('two', 9002, 2) })
  await update({ one: balancer('one', 9002, 1), two: balancer('two', 9001, 2) })
  expect(servers.problems()).toEqual([])
  expect([ask('192.0.2.1:9001'), ask('192.0.2.1:9002')]).toEqual([
    [200, 2],
    [200, 1],
  ])
})

describe('a port that is taken', () => {
  beforeEach(async () => {
    listeners.taken.add('192.0.2.1:9001')
    await servers.setAddresses(at('192.0.2.1', '192.0.2.2'))
    await update({ bad: balancer('bad', 9001, 1), good: balancer('good', 9002, 1) })
  })

  test('is a problem of its Service, and harms neither other addresses nor other Services', () => {
    expect(servers.problems()).toEqual([
      {
        severity: 'error',
        object: 'a/bad',
        field: 'spec.healthCheckNodePort',
        message: '192.0.2.1:9001: in use; it is tried again',
        origin: '',
      },
    ])
    expect(listeners.addresses).toEqual(['192.0.2.1:9002', '192.0.2.2:9001', '192.0.2.2:9002'])
  })

  test('is tried again until it is free, also when other listeners come and go meanwhile', async () => {
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(1000)
      await update({ [`other-${i}`]: balancer(`other-${i}`, 9100 + i) })
    }
    expect(listeners.attempts.filter((address) => address === '192.0.2.1:9001')).toHaveLength(3)
    listeners.taken.clear()
    await vi.advanceTimersByTimeAsync(5000)
    expect(ask('192.0.2.1:9001')).toEqual([200, 1])
    expect(servers.problems()).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('is no problem any more when the Service goes, changes its port, or the address goes', async () => {
    await update({ bad: balancer('bad', 9003) })
    expect(servers.problems()).toEqual([])
    await update({ bad: balancer('bad', 9001) })
    expect(servers.problems()).toHaveLength(1)
    await servers.setAddresses(at('192.0.2.2'))
    expect(servers.problems()).toEqual([])
    await servers.setAddresses(at('192.0.2.1', '192.0.2.2'))
    expect(servers.problems()).toHaveLength(1)
    await update({ bad: undefined })
    expect(servers.problems()).toEqual([])
  })

  test('by another Service is free as soon as that one goes', async () => {
    await update({ second: balancer('second', 9002, 4) })
    expect(servers.problems().map(({ object }) => object)).toEqual(['a/bad', 'a/second', 'a/second'])
    await update({ good: undefined })
    expect(ask('192.0.2.2:9002')).toEqual([200, 4])
  })

  test('is left alone once closed', async () => {
    await servers.close()
    const { length } = listeners.attempts
    await vi.advanceTimersByTimeAsync(20_000)
    expect(listeners.attempts).toHaveLength(length)
  })
})

test('changes that come while listeners open are not lost', async () => {
  const first = servers.setAddresses(at('192.0.2.1'))
  const second = update({ web: balancer('web', 9000, 1) })
  const third = update({ web: balancer('web', 9001, 2) })
  const fourth = servers.setAddresses(at('192.0.2.2'))
  await Promise.all([first, second, third, fourth])
  expect(listeners.addresses).toEqual(['192.0.2.2:9001'])
  expect(ask('192.0.2.2:9001')).toEqual([200, 2])
})

test('closed while listeners open, none stays open', async () => {
  await servers.setAddresses(at('192.0.2.1'))
  const opening = update({ one: balancer('one', 9000), two: balancer('two', 9001) })
  await servers.close()
  await opening
  expect(listeners.addresses).toEqual([])
})
