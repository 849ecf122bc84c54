import { describe, expect, it } from 'vitest'
import { attributeMap, attributes, readString } from '../netlink/attributes.ts'
import { MessageWriter } from '../netlink/writer.ts'
import { NetlinkBatch } from './batch.ts'
import { sameAnonymous, sameChain, sameRule, sameSet } from './compare.ts'
import { NftablesConnection, type TableState } from './connection.ts'
import { NFTA_LOOKUP, NFTA_NAT } from './constants.ts'
import { DATA_TYPES } from './datatype.ts'
import type { ReadElement } from './decode.ts'
import { FakeKernel } from './fake/fake-kernel.ts'
import { FIELDS } from './field.ts'
import { encodeStatement } from './statement-netlink.ts'
import type { Chain, NftSet, Rule, Table } from './types.ts'

const table: Table = { family: 'ip', name: 't' }
const { ipv4_addr, classid } = DATA_TYPES

async function readBack(
  write: (batch: NetlinkBatch) => void,
): Promise<{ state: TableState; connection: NftablesConnection }> {
  const fake = new FakeKernel()
  const connection = new NftablesConnection(fake.transport())
  const batch = new NetlinkBatch()
  batch.addTable(table)
  write(batch)
  await connection.commit(batch)
  const state = await connection.readTable(table)
  return { connection, state: state ?? expect.fail('no table') }
}

describe('sameChain', () => {
  const base: Chain = { name: 'c', base: { type: 'nat', hook: 'output', priority: -100 } }
  const plain: Chain = { name: 'c' }

  it.each<[string, Chain, Chain, boolean]>([
    ['equal', base, base, true],
    ['plain', plain, plain, true],
    ['with and without a hook', plain, base, false],
    ['another hook', base, { name: 'c', base: { type: 'nat', hook: 'prerouting', priority: -100 } }, false],
    ['another priority', base, { name: 'c', base: { type: 'nat', hook: 'output', priority: -99 } }, false],
    ['another type', base, { name: 'c', base: { type: 'filter', hook: 'output', priority: -100 } }, false],
  ])('%s', async (_, ours, kernels, expected) => {
    const { state } = await readBack((batch) => batch.addChain(table, kernels))
    expect(sameChain(ours, state.chains[0] ?? expect.fail('no chain'))).toBe(expected)
  })
})

describe('sameSet', () => {
  const sets: NftSet[] = [
    { name: 's', key: [ipv4_addr] },
    { name: 's', key: [FIELDS['ip daddr']] },
    { name: 's', key: [FIELDS['ip saddr']] },
    { name: 's', key: [ipv4_addr], interval: true },
    { name: 's', key: [classid] },
    { name: 's', key: [ipv4_addr, ipv4_addr] },
    { name: 's', key: [ipv4_addr], data: [classid] },
    { name: 's', key: [ipv4_addr], data: [ipv4_addr] },
    { name: 's', key: [ipv4_addr], data: 'verdict' },
    { name: 's', key: [ipv4_addr], data: [classid], dynamic: { timeoutSeconds: 60, size: 100 } },
    { name: 's', key: [ipv4_addr], data: [classid], dynamic: { timeoutSeconds: 61, size: 100 } },
    { name: 's', key: [ipv4_addr], data: [classid], dynamic: { timeoutSeconds: 60, size: 101 } },
  ]

  it.each(sets.map((set, index) => [index, set] as const))(
    'tells declaration %i from every other',
    async (index, set) => {
      const { state } = await readBack((batch) => batch.addSet(table, set))
      const read = state.sets[0] ?? expect.fail('no set')
      expect(sets.map((other) => sameSet(other, read))).toEqual(sets.map((_, other) => other === index))
    },
  )
})

describe('sameRule', () => {
  const rule: Rule = {
    chain: 'c',
    comment: 'what it is for',
    statements: [
      { do: 'one-of', field: FIELDS['meta l4proto'], values: [6, 17] },
      {
        do: 'vmap-anonymous',
        field: FIELDS['meta l4proto'],
        entries: [{ value: 6, verdict: { kind: 'jump', chain: 'd' } }],
      },
      { do: 'verdict', verdict: { kind: 'goto', chain: 'd' } },
    ],
  }

  async function readRule() {
    const { state, connection } = await readBack((batch) => {
      batch.addChain(table, { name: 'c' })
      batch.addChain(table, { name: 'd' })
      batch.addRule(table, rule)
    })
    return { kernel: state.rules[0] ?? expect.fail('no rule'), connection }
  }

  it('finds the anonymous sets of an equal rule, and what has to be in them', async () => {
    const { kernel, connection } = await readRule()
    const uses = sameRule('ip', rule, kernel) ?? expect.fail('not the same')
    expect(uses.map(({ name }) => name)).toEqual(['__set0', '__map0'])
    for (const use of uses) {
      const elements: ReadElement[] = []
      await connection.readElements(table, use.name, (element) => elements.push(element))
      expect(sameAnonymous(use, elements)).toBe(true)
      expect(sameAnonymous(use, elements.slice(1))).toBe(false)
      expect(sameAnonymous(use, [...elements, ...elements])).toBe(false)
      const other = uses.find((candidate) => candidate !== use) ?? expect.fail('one use')
      expect(sameAnonymous(other, elements)).toBe(false)
    }
  })

  it('tells another comment, another verdict, more and fewer statements', async () => {
    const { kernel } = await readRule()
    const [first, second] = rule.statements
    const others: Rule[] = [
      { ...rule, comment: 'something else' },
      {
        ...rule,
        statements: [...rule.statements.slice(0, 2), { do: 'verdict', verdict: { kind: 'jump', chain: 'd' } }],
      },
      { ...rule, statements: [...rule.statements, { do: 'reject' }] },
      { ...rule, statements: rule.statements.slice(0, 2) },
      { ...rule, statements: [second, first, rule.statements[2]].filter((statement) => statement !== undefined) },
    ]
    for (const other of others) expect(sameRule('ip', other, kernel), JSON.stringify(other.statements)).toBeUndefined()
  })

  it('does not mind what the kernel adds by itself, such as flags that are 0 and the end of a range of one', () => {
    const dnat: Rule = {
      chain: 'c',
      statements: [{ do: 'dnat-map', key: [FIELDS['meta priority']], map: 'endpoints' }],
    }
    const writer = new MessageWriter()
    encodeStatement(writer, 'ip', dnat.statements[0] ?? expect.fail('no statement'))
    const added = (expression: string, type: number, value: number): Buffer => {
      const result = new MessageWriter()
      for (const { start, end } of attributes(writer.bytes, 0, writer.length)) {
        const item = result.beginNested(1)
        const parts = attributeMap(writer.bytes, start, end)
        const name = readString(writer.bytes, parts.get(1) ?? expect.fail('no name'))
        const data = parts.get(2) ?? expect.fail('no data')
        result.string(1, name)
        const nested = result.beginNested(2)
        result.raw(writer.bytes.subarray(data.start, data.end))
        if (name === expression) result.u32be(type, value)
        result.endNested(nested)
        result.endNested(item)
      }
      return result.bytes
    }
    const isSame = (expressions: Buffer) => {
      return sameRule('ip', dnat, { table: 't', chain: 'c', handle: 1n, comment: '', expressions }) !== undefined
    }
    expect(isSame(added('none', 0, 0))).toBe(true)
    expect(isSame(added('lookup', NFTA_LOOKUP.FLAGS, 0))).toBe(true)
    expect(isSame(added('nat', NFTA_NAT.REG_ADDR_MAX, 1))).toBe(true)
    expect(isSame(added('lookup', NFTA_LOOKUP.FLAGS, 1))).toBe(false)
  })

  it('takes a comment that had to be shortened for the same', async () => {
    const long = { ...rule, comment: 'x'.repeat(200) }
    const { state } = await readBack((batch) => {
      batch.addChain(table, { name: 'c' })
      batch.addChain(table, { name: 'd' })
      batch.addRule(table, long)
    })
    expect(sameRule('ip', long, state.rules[0] ?? expect.fail('no rule'))).toBeDefined()
  })
})
