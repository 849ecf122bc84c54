import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ip, local, service, servicePort } from '../../../test/fixtures/services.ts'
import { NetlinkBatch } from '../../kernel/nftables/batch.ts'
import { NftablesConnection } from '../../kernel/nftables/connection.ts'
import { DATA_TYPES } from '../../kernel/nftables/datatype.ts'
import type { FakeOperation } from '../../kernel/nftables/fake/changes.ts'
import { FakeKernel } from '../../kernel/nftables/fake/fake-kernel.ts'
import type { Table } from '../../kernel/nftables/types.ts'
import { NftablesWatch } from '../../kernel/nftables/watch.ts'
import type { Cidr } from '../../model/ip.ts'
import type { LocalService } from '../../model/local.ts'
import { serviceKey } from '../../model/service.ts'
import type { PlaneChanges, PlaneObserver } from '../../virtual-server/data-plane.ts'
import { virtualServers } from '../../virtual-server/from-local.ts'
import { buildLayout } from './layout.ts'
import { NftPlane, type NftPlaneOptions } from './plane.ts'

const open: NftPlane[] = []

afterEach(async () => {
  for (const plane of open.splice(0)) await plane.close()
})

function planeOn(fake: FakeKernel, options: Partial<NftPlaneOptions> = {}): NftPlane {
  const plane = new NftPlane({
    clusterCIDRs: [],
    connection: new NftablesConnection(fake.transport()),
    watch: (tables, portId) => new NftablesWatch(tables, portId, () => fake.watchTransport()),
    watchInterval: 0,
    ...options,
  })
  open.push(plane)
  return plane
}

function changes(
  services: readonly LocalService[],
  options: { gone?: string[]; nodeIPs?: string[] } = {},
): PlaneChanges {
  const changed = new Map(services.map((of) => [of.key, virtualServers(of)]))
  for (const name of options.gone ?? []) changed.set(serviceKey('default', name), [])
  return { services: changed, nodeAddresses: options.nodeIPs?.map(ip) }
}

/** The requests that a kernel sees while `work` runs. */
async function requestsOf(fake: FakeKernel, work: () => Promise<void>): Promise<string[]> {
  const seen: string[] = []
  fake.onRequest = (request) => seen.push(request)
  await work()
  fake.onRequest = undefined
  return seen
}

const web = service('web', { clusterIPs: [ip('10.96.0.10')] })
const db = service('db', { clusterIPs: [ip('10.96.0.11'), ip('fd00::11')] })
const edge = service('edge', {
  type: 'LoadBalancer',
  clusterIPs: [ip('10.96.0.12')],
  loadBalancerIPs: [ip('192.0.2.1')],
  ports: [servicePort({ nodePort: 30080 })],
})
const all = [local(web, ['10.1.0.1', '10.1.0.2']), local(db, ['10.1.0.3', 'fd01::3']), local(edge, ['10.1.0.4'])]
const everything = changes(all, { nodeIPs: ['172.18.0.2', 'fc00::2'] })

function foreignTable(name: string): NetlinkBatch {
  const batch = new NetlinkBatch()
  batch.addTable({ family: 'ip', name })
  return batch
}

const OURS: Table = { family: 'ip', name: 'sluice' }
const OURS6: Table = { family: 'ip6', name: 'sluice' }

function deleted(...tables: Table[]): NetlinkBatch {
  const batch = new NetlinkBatch()
  for (const table of tables) batch.deleteTable(table)
  return batch
}

describe('NftPlane', () => {
  it('loads a state with one transaction a family', async () => {
    const fake = new FakeKernel()
    const plane = planeOn(fake)
    await plane.apply(everything)
    expect([...fake.ruleset().keys()]).toEqual(['ip sluice', 'ip6 sluice'])
    expect(fake.transactions).toBe(2)
    expect(plane.counts()).toEqual({ virtualServers: 6, endpoints: 5, transactions: 2, driftRepaired: 0 })
    const { sets } = fake.ruleset().get('ip sluice') ?? expect.fail('no table')
    expect([...(sets.get('cluster-ips') ?? [])].map(([key]) => key)).toEqual(['0a60000a', '0a60000b', '0a60000c'])
    // 10.96.0.10 . tcp . 80 -> pool 1, class 1
    expect(sets.get('services')?.get('0a60000a0600000000500000')).toBe('01100000')
    // pool 1, slot 1 -> 10.1.0.2 . 8080
    expect(sets.get('endpoints')?.get('0010000001000000')).toBe('0a0100021f900000')
    expect([...(sets.get('node-ports') ?? [])].map(([key]) => key)).toEqual(['0600000075800000'])
    expect([...(sets.get('node-ips') ?? [])].map(([key]) => key)).toEqual(['ac120002'])
    expect(plane.problems()).toEqual([])
  })

  it('has as many rules and chains for 1,000 Services as for 10', async () => {
    const structure = async (count: number) => {
      const fake = new FakeKernel()
      const services = Array.from({ length: count }, (_, i) => {
        return local(service(`s${i}`, { clusterIPs: [ip(`10.96.${i >> 8}.${i & 255}`)] }), ['10.1.0.1', '10.1.0.2'])
      })
      await planeOn(fake).apply(changes(services))
      return [...(fake.ruleset().get('ip sluice')?.chains ?? [])]
    }
    expect(await structure(1000)).toEqual(await structure(10))
  })

  it('changes one endpoint with one transaction and nothing read', async () => {
    const fake = new FakeKernel()
    const plane = planeOn(fake)
    await plane.apply(everything)
    const seen = await requestsOf(fake, () => plane.apply(changes([local(web, ['10.1.0.1', '10.1.0.9'])])))
    expect(seen).toEqual(['commit'])
    expect(fake.ruleset().get('ip sluice')?.sets.get('endpoints')?.get('0010000001000000')).toBe('0a0100091f900000')
  })

  it('leaves an update alone that changes nothing', async () => {
    const fake = new FakeKernel()
    const plane = planeOn(fake)
    await plane.apply(everything)
    expect(await requestsOf(fake, () => plane.apply(changes(all)))).toEqual([])
  })

  it('tells how each family was brought in line, and how long the kernel took', async () => {
    const fake = new FakeKernel()
    const told: string[] = []
    let commits = 0
    const observer: PlaneObserver = {
      synced: (family, { durationMs, isFull, isInLine }) => {
        expect(durationMs).toBeGreaterThan(0)
        told.push(`IPv${family} ${isFull ? 'full' : 'partial'} ${isInLine ? 'done' : 'failed'}`)
      },
      committed: () => commits++,
      cleanupFailed: () => told.push('clean-up failed'),
    }
    const plane = planeOn(fake, { observer })
    const happened = async (work: () => Promise<void>) => {
      await work().catch(() => undefined)
      return told.splice(0)
    }
    expect(await happened(() => plane.apply(everything))).toEqual(['IPv4 full done', 'IPv6 full done'])
    expect(commits).toBe(2)
    const more = changes([local(web, ['10.1.0.1', '10.1.0.9'])])
    expect(await happened(() => plane.apply(more))).toEqual(['IPv4 partial done', 'IPv6 partial done'])
    expect(commits).toBe(3)
    fake.unsupported = true
    expect(await happened(() => plane.apply(changes([local(web, ['10.1.0.7'])])))).toContain('IPv4 partial failed')
    fake.unsupported = false
    expect(await happened(() => plane.apply(changes([])))).toEqual(['IPv4 full done', 'IPv6 partial done'])
    fake.foreign(deleted(OURS))
    expect(await happened(() => plane.check())).toEqual(['IPv4 full done', 'IPv6 full done'])
  })

  it('removes what belonged to a Service that is gone', async () => {
    const fake = new FakeKernel()
    const plane = planeOn(fake)
    await plane.apply(everything)
    await plane.apply(changes([], { gone: ['web', 'db', 'edge'] }))
    const ruleset = fake.ruleset()
    for (const table of ['ip sluice', 'ip6 sluice']) {
      for (const set of ['services', 'node-ports', 'endpoints', 'cluster-ips', 'hairpin']) {
        expect(ruleset.get(table)?.sets.get(set)?.size, `${table} ${set}`).toBe(0)
      }
    }
  })

  it('makes a pick chain for a pool that is larger than those at hand', async () => {
    const fake = new FakeKernel()
    const plane = planeOn(fake)
    await plane.apply(everything)
    const addresses = Array.from({ length: 41 }, (_, i) => `10.2.0.${i}`)
    await plane.apply(changes([local(web, addresses)]))
    expect(fake.ruleset().get('ip sluice')?.chains.get('pick-42')?.rules).toHaveLength(6)
    // It stays for the next pool of that size, also across a restart.
    await plane.apply(changes([local(web, ['10.1.0.1'])]))
    await plane.check()
    const next = planeOn(fake)
    await next.apply(changes([local(web, ['10.1.0.1']), ...all.slice(1)], { nodeIPs: ['172.18.0.2', 'fc00::2'] }))
    expect(next.counts().transactions).toBe(0)
    expect(fake.ruleset().get('ip sluice')?.chains.get('pick-42')?.rules).toHaveLength(6)
  })

  describe('after a restart', () => {
    it('takes everything over and commits nothing when nothing changed', async () => {
      const fake = new FakeKernel()
      await planeOn(fake).apply(everything)
      const before = fake.ruleset()
      const plane = planeOn(fake)
      await plane.apply(changes([...all].reverse(), { nodeIPs: ['172.18.0.2', 'fc00::2'] }))
      expect(plane.counts().transactions).toBe(0)
      expect(fake.ruleset()).toEqual(before)
    })

    it('keeps the pool ids when a Service came meanwhile', async () => {
      const fake = new FakeKernel()
      await planeOn(fake).apply(everything)
      const before = fake.ruleset().get('ip sluice')?.sets.get('endpoints') ?? new Map<string, string>()
      const fresh = local(service('a-new-one', { clusterIPs: [ip('10.96.0.9')] }), ['10.1.0.7'])
      await planeOn(fake).apply(changes([fresh, ...all], { nodeIPs: ['172.18.0.2', 'fc00::2'] }))
      const after = fake.ruleset().get('ip sluice')?.sets.get('endpoints')
      for (const [key, data] of before) expect(after?.get(key), key).toBe(data)
      expect(after?.size).toBe(before.size + 1)
    })

    it('applies the difference only', async () => {
      const fake = new FakeKernel()
      await planeOn(fake).apply(everything)
      const plane = planeOn(fake)
      const [, ...others] = all
      await plane.apply(
        changes([local(web, ['10.1.0.2', '10.1.0.5']), ...others], { nodeIPs: ['172.18.0.2', 'fc00::2'] }),
      )
      expect(plane.counts().transactions).toBe(1)
      const endpoints = fake.ruleset().get('ip sluice')?.sets.get('endpoints')
      expect(endpoints?.get('0010000000000000')).toBe('0a0100051f900000')
      expect(endpoints?.get('0010000001000000')).toBe('0a0100021f900000')
    })

    it('replaces a table whose sets are declared in another way', async () => {
      const fake = new FakeKernel()
      const batch = new NetlinkBatch()
      batch.addTable(OURS)
      batch.addSet(OURS, { name: 'services', key: [DATA_TYPES.ipv4_addr] })
      fake.foreign(batch)
      const plane = planeOn(fake)
      await plane.apply(everything)
      const other = new FakeKernel()
      await planeOn(other).apply(everything)
      expect(fake.ruleset()).toEqual(other.ruleset())
    })
  })

  describe('drift', () => {
    it('puts deleted tables back at once', async () => {
      const fake = new FakeKernel()
      const log: string[] = []
      const plane = planeOn(fake, { watchInterval: 2, log: (message) => log.push(message) })
      await plane.apply(everything)
      const before = fake.ruleset()
      fake.foreign(deleted(OURS, OURS6))
      await vi.waitFor(() => expect(fake.ruleset()).toEqual(before))
      expect(plane.counts().driftRepaired).toBe(2)
      expect(log).toEqual([
        'table ip sluice was changed by somebody else; repaired',
        'table ip6 sluice was changed by somebody else; repaired',
      ])
    })

    it('repairs elements, rules and chains, and only them', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake, { watchInterval: 2 })
      await plane.apply(everything)
      const before = fake.ruleset()
      const { sets } = buildLayout(4, { detector: 'none', dropInvalid: true })
      const batch = new NetlinkBatch()
      batch.deleteElement(OURS, sets.services, { key: Buffer.from('0a60000a0600000000500000', 'hex') })
      batch.addElement(OURS, sets.clusterIPs, { key: Buffer.from('01020304', 'hex') })
      batch.addRule(OURS, { chain: 'prerouting', statements: [{ do: 'verdict', verdict: { kind: 'drop' } }] })
      batch.flushChain(OURS, 'pick-1')
      batch.addChain(OURS, { name: 'foreign' })
      fake.foreign(batch)
      await vi.waitFor(() => expect(fake.ruleset()).toEqual(before))
      expect(plane.counts().transactions).toBe(3)
    })

    it('repairs everything when notifications were lost', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake, { watchInterval: 2 })
      await plane.apply(everything)
      const before = fake.ruleset()
      fake.foreign(deleted(OURS6))
      fake.overrunWatchers()
      await vi.waitFor(() => expect(fake.ruleset()).toEqual(before))
    })

    it('is found by the next change, also in the other family', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake)
      await plane.apply(everything)
      fake.foreign(deleted(OURS, OURS6))
      await plane.apply(changes([local(web, ['10.1.0.1'])]))
      expect(fake.ruleset().get('ip sluice')?.sets.get('services')?.size).toBe(4)
      expect(fake.ruleset().get('ip6 sluice')?.sets.get('services')?.size).toBe(1)
    })

    it('is noticed when it comes while a table is read', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake)
      let left = 1
      fake.onRequest = (request) => {
        if (request === 'GETSETELEM' && left-- > 0) fake.foreign(foreignTable('other'))
        else if (request === 'commit' && left-- === 0) fake.foreign(foreignTable('another'))
      }
      await planeOn(fake).apply(everything)
      await plane.apply(everything)
      expect(plane.counts().transactions).toBe(0)
    })
  })

  describe('commits of others', () => {
    it('do not disturb when they concern other tables', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake)
      await plane.apply(everything)
      fake.foreign(foreignTable('other'))
      const seen = await requestsOf(fake, () => plane.apply(changes([local(web, ['10.1.0.9'])])))
      expect(seen).toEqual(['commit', 'GETGEN', 'commit'])
    })

    it('do not disturb when their notifications were read before', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake, { watchInterval: 1 })
      await plane.apply(everything)
      fake.foreign(foreignTable('other'))
      await delay(20)
      const seen = await requestsOf(fake, () => plane.apply(changes([local(web, ['10.1.0.9'])])))
      expect(seen).toEqual(['commit'])
    })

    it('do not disturb when they go on and on', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake)
      await plane.apply(everything)
      let count = 0
      fake.foreign(foreignTable('other'))
      const seen: string[] = []
      fake.onRequest = (request) => {
        seen.push(request)
        // Once before the request is carried out, and once before its answer is looked at.
        if (count++ >= 5) return
        fake.foreign(foreignTable(`before-${count}`))
        queueMicrotask(() => fake.foreign(foreignTable(`after-${count}`)))
      }
      await plane.apply(changes([local(web, ['10.1.0.9'])]))
      expect(new Set(seen)).toEqual(new Set(['commit', 'GETGEN']))
      expect(fake.ruleset().get('ip sluice')?.sets.get('endpoints')?.get('0010000000000000')).toBe('0a0100091f900000')
    })
  })

  describe('what the kernel refuses', () => {
    const isBad = ({ operation, object, key }: FakeOperation) => {
      return operation === 'add element' && object === 'services' && key === '0a60000b0600000000500000'
        ? 'EINVAL'
        : undefined
    }

    it('is left out of the first load, and the rest is served', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake)
      fake.refuse(isBad)
      await plane.apply(everything)
      expect(plane.problems()).toEqual([
        { object: 'default/db:http', message: 'add element ip sluice services (default/db:http): EINVAL' },
      ])
      expect(fake.ruleset().get('ip sluice')?.sets.get('services')?.size).toBe(3)
      expect(fake.ruleset().has('ip6 sluice')).toBe(true)
    })

    it('is left out of a change, and the rest is served', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake)
      await plane.apply(changes([], { nodeIPs: [] }))
      const stop = fake.refuse(isBad)
      await plane.apply(everything)
      expect(plane.problems()).toEqual([
        { object: 'default/db:http', message: 'add element ip sluice services (default/db:http): EINVAL' },
      ])
      expect([...(fake.ruleset().get('ip sluice')?.sets.get('services')?.keys() ?? [])]).toEqual([
        '0a60000a0600000000500000',
        '0a60000c0600000000500000',
        'c00002010600000000500000',
      ])
      stop()
      await plane.check()
      expect(plane.problems()).toEqual([])
      expect(fake.ruleset().get('ip sluice')?.sets.get('services')?.size).toBe(4)
    })

    it('leaves the other family alone', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake)
      const stop = fake.refuse(({ operation, family }) =>
        operation === 'add rule' && family === 'ip6' ? 'EOPNOTSUPP' : undefined,
      )
      await expect(plane.apply(everything)).rejects.toThrow('the kernel refused: add rule ip6 sluice')
      expect([...fake.ruleset().keys()]).toEqual(['ip sluice'])
      expect(plane.failedFamilies).toEqual([6])
      await expect(plane.apply(changes([local(web, ['10.1.0.9'])]))).rejects.toThrow('ip6')
      expect(fake.ruleset().get('ip sluice')?.sets.get('endpoints')?.get('0010000000000000')).toBe('0a0100091f900000')
      stop()
      await plane.apply(changes([]))
      expect(plane.failedFamilies).toEqual([])
      expect(fake.ruleset().get('ip6 sluice')?.sets.get('services')?.size).toBe(1)
    })

    it('is repaired by reading back when an element is there already', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake)
      await plane.apply(everything)
      fake.failNext({ errno: 'EEXIST' })
      await plane.apply(changes([local(web, ['10.1.0.9'])]))
      expect(fake.ruleset().get('ip sluice')?.sets.get('endpoints')?.get('0010000000000000')).toBe('0a0100091f900000')
    })

    it('is told when the kernel has no nf_tables, and loaded when it has', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake)
      fake.unsupported = true
      await expect(plane.apply(everything)).rejects.toThrow('this kernel has no nf_tables')
      fake.unsupported = false
      await plane.apply(changes([]))
      expect(fake.ruleset().get('ip sluice')?.sets.get('services')?.size).toBe(4)
    })

    it('is read back when the answers were lost', async () => {
      const fake = new FakeKernel()
      const plane = planeOn(fake)
      await plane.apply(everything)
      fake.overrunNext()
      await plane.apply(changes([local(web, ['10.1.0.9'])]))
      expect(fake.ruleset().get('ip sluice')?.sets.get('endpoints')?.get('0010000000000000')).toBe('0a0100091f900000')
      await plane.apply(changes([local(web, ['10.1.0.8'])]))
      expect(fake.ruleset().get('ip sluice')?.sets.get('endpoints')?.get('0010000000000000')).toBe('0a0100081f900000')
    })

    it('does not matter for ranges of pods that overlap', async () => {
      const fake = new FakeKernel()
      const clusterCIDRs = ['10.0.0.0/8', '10.1.0.0/16', '10.0.0.0/8', '11.0.0.0/8'] as Cidr[]
      const plane = planeOn(fake, { clusterCIDRs })
      await plane.apply(everything)
      expect([...(fake.ruleset().get('ip sluice')?.sets.get('pod-cidrs')?.keys() ?? [])]).toEqual([
        '0a000000',
        '-0b000000',
        '0b000000',
        '-0c000000',
      ])
      const again = planeOn(fake, { clusterCIDRs })
      await again.apply(everything)
      expect(again.counts().transactions).toBe(0)
    })
  })

  it('gives a destination that two Services claim to the older one, and to the other when it goes', async () => {
    const fake = new FakeKernel()
    const plane = planeOn(fake)
    const young = service('young', {
      clusterIPs: [ip('10.96.0.1')],
      externalIPs: [ip('192.0.2.9')],
      creationTimestamp: 2,
    })
    const old = service('old', { clusterIPs: [ip('10.96.0.2')], externalIPs: [ip('192.0.2.9')], creationTimestamp: 1 })
    const endpointOf = () => {
      const { sets } = fake.ruleset().get('ip sluice') ?? expect.fail('no table')
      const value = Buffer.from(sets.get('services')?.get('c00002090600000000500000') ?? '', 'hex').readUInt32LE()
      const key = Buffer.alloc(8)
      key.writeUInt32LE((value & 0xfffff000) >>> 0)
      return sets.get('endpoints')?.get(key.toString('hex'))
    }
    await plane.apply(changes([local(young, ['10.1.0.1'])], { nodeIPs: [] }))
    expect(endpointOf()).toBe('0a0100011f900000')
    await plane.apply(changes([local(old, ['10.1.0.2'])]))
    expect(endpointOf()).toBe('0a0100021f900000')
    expect(plane.problems()).toEqual([
      {
        object: 'default/young:http',
        message: '192.0.2.9 TCP 80 is not served: default/old:http, which takes precedence, has it',
        kind: 'conflict',
      },
    ])
    await plane.apply(changes([], { gone: ['old'] }))
    expect(endpointOf()).toBe('0a0100011f900000')
    expect(plane.problems()).toEqual([])
  })
})
