import { beforeEach, describe, expect, it } from 'vitest'
import { NetlinkBatch } from '../../kernel/nftables/batch.ts'
import { NftablesConnection } from '../../kernel/nftables/connection.ts'
import { ruleTargets } from '../../kernel/nftables/decode.ts'
import { FakeKernel } from '../../kernel/nftables/fake/fake-kernel.ts'
import type { Table } from '../../kernel/nftables/types.ts'
import { cleanupNftables } from './nftables.ts'
import type { CleanupReport } from './report.ts'

const NAT: Table = { family: 'ip', name: 'nat' }
const THEIRS: Table = { family: 'ip', name: 'theirs' }

let kernel: FakeKernel
let connection: NftablesConnection
let report: CleanupReport

beforeEach(() => {
  kernel = new FakeKernel()
  connection = new NftablesConnection(kernel.transport())
  report = { removed: [], left: [] }
})

function jump(batch: NetlinkBatch, table: Table, chain: string, target: string): void {
  batch.addRule(table, { chain, statements: [{ do: 'verdict', verdict: { kind: 'jump', chain: target } }] })
}

/** Chains that lead to each other, and a foreign one between their jumps. */
function leftovers(): NetlinkBatch {
  const batch = new NetlinkBatch()
  for (const name of ['kube-proxy', 'theirs']) batch.addTable({ family: 'ip', name })
  batch.addChain(THEIRS, { name: 'KUBE-SERVICES' })
  batch.addTable(NAT)
  batch.addChain(NAT, { name: 'PREROUTING', base: { type: 'nat', hook: 'prerouting', priority: -100 } })
  for (const name of ['KUBE-SERVICES', 'KUBE-SVC-A', 'KUBE-MARK-MASQ', 'mine']) batch.addChain(NAT, { name })
  jump(batch, NAT, 'PREROUTING', 'KUBE-SERVICES')
  jump(batch, NAT, 'PREROUTING', 'mine')
  jump(batch, NAT, 'PREROUTING', 'KUBE-SERVICES')
  jump(batch, NAT, 'KUBE-SERVICES', 'KUBE-SVC-A')
  jump(batch, NAT, 'KUBE-SVC-A', 'KUBE-MARK-MASQ')
  return batch
}

async function left(): Promise<{ tables: string[]; chains: string[]; jumps: string[] }> {
  const state = await connection.readTable(NAT)
  return {
    tables: await connection.tableNames('ip'),
    chains: state?.chains.map(({ name }) => name) ?? [],
    jumps: state?.rules.map((rule) => `${rule.chain} ${ruleTargets(rule).join()}`) ?? [],
  }
}

const CLEAN = { tables: ['theirs', 'nat'], chains: ['PREROUTING', 'mine'], jumps: ['PREROUTING mine'] }

describe('cleanupNftables', () => {
  it('removes table, chains and jumps in one transaction, and nothing else', async () => {
    kernel.foreign(leftovers())
    const generation = await connection.generation()
    await cleanupNftables(connection, 'ip', report)
    expect(await left()).toEqual(CLEAN)
    expect(await connection.generation()).toBe(generation + 1)
    expect(report).toEqual({
      removed: ['table ip kube-proxy', '3 chains and 2 jumps of table ip nat of iptables-nft'],
      left: [],
    })
  })

  it('touches the other family no more than a clean one', async () => {
    kernel.foreign(leftovers())
    const generation = await connection.generation()
    await cleanupNftables(connection, 'ip6', report)
    expect(await connection.generation()).toBe(generation)
    expect(report.removed).toEqual([])
  })

  it('reads again when somebody else writes meanwhile, and reports once', async () => {
    kernel.foreign(leftovers())
    const commit = connection.commit.bind(connection)
    let interruptions = 0
    connection.commit = async (batch, generation) => {
      if (interruptions++ < 3) {
        const foreign = new NetlinkBatch()
        foreign.addTable({ family: 'ip6', name: `other-${interruptions}` })
        kernel.foreign(foreign)
      }
      return commit(batch, generation)
    }
    await cleanupNftables(connection, 'ip', report)
    expect(await left()).toEqual(CLEAN)
    expect(report.removed).toHaveLength(2)
  })

  it('gives up when somebody else never rests, and then nothing is removed', async () => {
    kernel.foreign(leftovers())
    const before = await left()
    connection.commit = async (batch) => {
      const other = new NftablesConnection(kernel.transport())
      const stale = (await other.generation()) + 1
      return NftablesConnection.prototype.commit.call(connection, batch, stale)
    }
    await expect(cleanupNftables(connection, 'ip', report)).rejects.toMatchObject({ code: 'NFT_STALE' })
    expect(await left()).toEqual(before)
    expect(report).toEqual({ removed: [], left: [] })
  })
})
