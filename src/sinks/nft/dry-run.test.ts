import { expect, test } from 'vitest'
import { NetlinkBatch } from '../../kernel/nftables/batch.ts'
import { NftablesConnection } from '../../kernel/nftables/connection.ts'
import { FakeKernel } from '../../kernel/nftables/fake/fake-kernel.ts'
import { parseCidr, parseIp } from '../../model/ip.ts'
import { serviceKey } from '../../model/service.ts'
import type { VirtualServer } from '../../virtual-server/virtual-server.ts'
import { cleanupNft } from './cleanup.ts'
import { DryRunPlane } from './dry-run.ts'

const WEB = serviceKey('default', 'web')

function server(...endpoints: string[]): VirtualServer {
  return {
    family: 4,
    class: 'cluster',
    address: parseIp('10.96.0.1'),
    protocol: 'TCP',
    port: 80,
    pool: {
      key: 'default/web:http/TCP/4',
      endpoints: endpoints.flatMap((text) => {
        const address = parseIp(text)
        return address ? [{ address, port: 8080, mayBeHere: false }] : []
      }),
    },
    shortCircuit: undefined,
    serving: [],
    sourceRanges: [],
    affinitySeconds: 0,
    masquerade: 'off-cluster',
    whenEmpty: 'reject',
    service: WEB,
    portName: 'http',
    creationTimestamp: 0,
  }
}

test('a dry run prints whole tables first, then what changes, and nothing when nothing does', async () => {
  const printed: string[] = []
  const clusterCIDRs = [parseCidr('10.244.0.0/16')].filter((cidr) => cidr !== undefined)
  const plane = new DryRunPlane({ clusterCIDRs, print: (text) => printed.push(text) })
  const apply = async (servers: VirtualServer[]) =>
    plane.apply({ services: new Map([[WEB, servers]]), nodeAddresses: undefined })

  await apply([server('10.244.1.1', '10.244.1.2')])
  expect(printed[0]).toMatch(/^add table ip sluice\ndelete table ip sluice\nadd table ip sluice\n/)
  expect(printed[0]).toContain('add element ip sluice pod-cidrs { 10.244.0.0-10.244.255.255 }')
  expect(printed[0]).toContain(
    'add element ip sluice services { 10.96.0.1 . tcp . 80 comment "default/web:http" : 0:1001 }',
  )

  await apply([server('10.244.1.1', '10.244.1.3')])
  expect(printed[1]).toBe(
    'delete element ip sluice endpoints { 0:1000 . 1 }\nadd element ip sluice endpoints { 0:1000 . 1 : 10.244.1.3 . 8080 }\n',
  )

  await apply([server('10.244.1.1', '10.244.1.3')])
  expect(printed).toHaveLength(2)
  expect(plane.counts()).toMatchObject({ virtualServers: 1, endpoints: 2, transactions: 2 })
})

test('cleanup deletes our tables, says which, and leaves others alone', async () => {
  const kernel = new FakeKernel()
  const connection = new NftablesConnection(kernel.transport())
  const batch = new NetlinkBatch()
  for (const name of ['sluice', 'theirs']) batch.addTable({ family: 'ip', name })
  await connection.commit(batch)
  expect(await cleanupNft(new NftablesConnection(kernel.transport()))).toEqual(['ip sluice'])
  expect(await connection.readTable({ family: 'ip', name: 'theirs' })).toBeDefined()
  expect(await connection.readTable({ family: 'ip', name: 'sluice' })).toBeUndefined()
  expect(await cleanupNft(new NftablesConnection(kernel.transport()))).toEqual([])
})
