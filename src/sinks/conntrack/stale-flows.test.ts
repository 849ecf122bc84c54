import { describe, expect, test } from 'vitest'
import { ip, udpService } from '../../../test/fixtures/services.ts'
import { ConntrackConnection } from '../../kernel/conntrack/connection.ts'
import type { Entry } from '../../kernel/conntrack/fake/entry.ts'
import { FakeConntrack } from '../../kernel/conntrack/fake/fake-conntrack.ts'
import { ipBytes } from '../../model/ip.ts'
import type { LocalService } from '../../model/local.ts'
import type { ServiceKey } from '../../model/service.ts'
import { virtualServers } from '../../virtual-server/from-local.ts'
import type { VirtualServer } from '../../virtual-server/virtual-server.ts'
import { StaleFlows } from './stale-flows.ts'

const [OLD, NEW] = ['10.244.1.1', '10.244.1.2']

function setUp() {
  const fake = new FakeConntrack()
  const transport = fake.transport()
  const receive = transport.receiveInBackground.bind(transport)
  /** While there is one, lists do not get on. */
  const gate: { open?: Promise<void> } = {}
  transport.receiveInBackground = async () => {
    await gate.open
    return receive()
  }
  const logged: string[] = []
  const cleaned: string[] = []
  const flows = new StaleFlows({
    onCleaned: (family, durationMs, deleted) => cleaned.push(`IPv${family} ${deleted} ${durationMs > 0}`),
    connection: new ConntrackConnection(transport),
    log: (message) => logged.push(message),
  })
  return { fake, flows, logged, cleaned, gate }
}

function dns(...endpoints: readonly string[]): LocalService {
  return udpService('dns', {
    clusterIPs: ['10.96.0.10'],
    endpoints: endpoints.map((address) => ({ address, port: 53 })),
  })
}

/** What a plane is told that these Services changed. */
function announce(flows: StaleFlows, ...services: readonly (LocalService | ServiceKey)[]): void {
  const of = (service: LocalService | ServiceKey): [ServiceKey, VirtualServer[]] =>
    typeof service === 'string' ? [service, []] : [service.key, virtualServers(service)]
  flows.announce({ services: new Map(services.map(of)), nodeAddresses: undefined })
}

async function applied(flows: StaleFlows): Promise<void> {
  await flows.apply()
  await flows.settled()
}

async function checked(flows: StaleFlows): Promise<void> {
  flows.check()
  await flows.settled()
}

function entry(endpoint: string, port = 40000): Entry {
  const end = (address: string, number: number) => ({ address: ipBytes(ip(address)), port: number })
  return {
    protocol: 17,
    source: end('10.244.1.9', port),
    destination: end('10.96.0.10', 53),
    replySource: end(endpoint, 53),
  }
}

describe('StaleFlows', () => {
  test('the first call lists, and so does each one that changed who serves', async () => {
    const { fake, flows } = setUp()
    const [old, young] = [entry(OLD), entry(NEW, 40001)]
    for (const each of [old, young]) fake.add(each)
    announce(flows, dns(OLD, NEW))
    await applied(flows)
    expect(fake.entries()).toEqual([old, young])
    announce(flows, dns(NEW))
    await applied(flows)
    expect(fake.entries()).toEqual([young])
    announce(flows, dns(NEW))
    await applied(flows)
    expect(fake.requests).toEqual(['dump 4 filtered', 'dump 4 filtered', 'delete'])
    expect(flows.counts().deleted).toBe(1)
    expect(flows.counts().lastDuration).toBeGreaterThan(0)
    await flows.close()
  })

  test('each list is told, with how many entries were deleted', async () => {
    const { fake, flows, cleaned } = setUp()
    for (const port of [40000, 40001]) fake.add(entry(OLD, port))
    announce(flows, dns(NEW))
    await applied(flows)
    announce(flows, dns(OLD))
    await applied(flows)
    expect(cleaned).toEqual(['IPv4 2 true', 'IPv4 0 true'])
  })

  test('without a UDP destination nothing is listed', async () => {
    const { fake, flows } = setUp()
    const tcp = [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 0 }] as const
    announce(flows, udpService('web', { clusterIPs: ['10.96.0.10', 'fd00::10'], ports: tcp }))
    await applied(flows)
    await checked(flows)
    expect(fake.requests).toEqual([])
  })

  test('what was announced counts when it is applied', async () => {
    const { fake, flows } = setUp()
    announce(flows, dns(OLD))
    await applied(flows)
    fake.add(entry(OLD))
    announce(flows, dns(NEW))
    await checked(flows)
    expect(fake.entries()).toHaveLength(1)
    announce(flows)
    await applied(flows)
    expect(fake.entries()).toHaveLength(0)
  })

  test('the last endpoint, and then the Service go', async () => {
    const { fake, flows } = setUp()
    announce(flows, dns(OLD))
    await applied(flows)
    fake.add(entry(OLD))
    announce(flows, dns())
    await applied(flows)
    expect(fake.entries()).toHaveLength(0)
    fake.add(entry(OLD))
    announce(flows, dns().key)
    await applied(flows)
    expect(fake.entries()).toHaveLength(0)
    // Nobody has the destination any more: what happens there is not ours.
    const foreign = entry(OLD)
    fake.add(foreign)
    await checked(flows)
    expect(fake.entries()).toEqual([foreign])
  })

  test('a check finds what a race left', async () => {
    const { fake, flows } = setUp()
    announce(flows, dns(NEW))
    await applied(flows)
    fake.add(entry(OLD))
    await applied(flows)
    expect(fake.entries()).toHaveLength(1)
    await checked(flows)
    expect(fake.entries()).toHaveLength(0)
  })

  test('a cleanup that failed is tried again, also for a Service that is gone', async () => {
    const { fake, flows, logged } = setUp()
    announce(flows, dns(OLD))
    await applied(flows)
    fake.add(entry(OLD))
    fake.refuseDeletes = 'ENOMEM'
    announce(flows, dns().key)
    await applied(flows)
    expect(logged).toEqual(['stale IPv4 UDP flows could not be deleted; it is tried again'])
    fake.refuseDeletes = ''
    await applied(flows)
    expect(fake.entries()).toHaveLength(0)
    expect(flows.counts().deleted).toBe(1)
  })

  test('a kernel that cannot do it is not asked again', async () => {
    const { fake, flows, logged } = setUp()
    fake.hasCtnetlink = false
    announce(flows, dns(OLD))
    await applied(flows)
    announce(flows, dns(NEW))
    await applied(flows)
    expect(logged).toEqual(['stale IPv4 UDP flows could not be deleted; UDP clients keep endpoints that are gone'])
  })

  test('changes do not wait for a list, and flows to endpoints that come meanwhile are left alone', async () => {
    const { fake, flows, gate } = setUp()
    announce(flows, dns(OLD))
    await applied(flows)
    fake.add(entry(OLD))
    const { promise, resolve } = Promise.withResolvers<undefined>()
    gate.open = promise
    announce(flows, dns())
    await flows.apply()
    // The list has begun. By the time it ends the endpoint is back, though that is not committed yet.
    announce(flows, dns(OLD))
    resolve(undefined)
    await flows.settled()
    expect(fake.entries()).toHaveLength(1)
    announce(flows, dns())
    await applied(flows)
    expect(fake.entries()).toHaveLength(0)
  })
})
