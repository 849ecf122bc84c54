import { describe, expect, it } from 'vitest'
import { expectedAnswers, playCases } from '../../../../test/fixtures/nf-tables-cases.ts'
import { NetlinkError } from '../../netlink/error.ts'
import { NetlinkBatch } from '../batch.ts'
import { NftablesConnection } from '../connection.ts'
import { DATA_TYPES } from '../datatype.ts'
import { FIELDS } from '../field.ts'
import type { NftSet, Table } from '../types.ts'
import { FakeKernel } from './fake-kernel.ts'

const table: Table = { family: 'ip', name: 't' }
const map: NftSet = { name: 'm', key: [DATA_TYPES.ipv4_addr], data: 'verdict' }

function written(write: (batch: NetlinkBatch) => void): NetlinkBatch {
  const batch = new NetlinkBatch()
  write(batch)
  return batch
}

describe('FakeKernel', () => {
  it('answers as Linux 6.18 does', async () => {
    const fake = new FakeKernel()
    expect(await playCases(fake.transport(), async () => Promise.resolve(fake.generation))).toEqual(expectedAnswers())
  })

  it('shows the ruleset for assertions', () => {
    const fake = new FakeKernel()
    fake.foreign(
      written((batch) => {
        batch.addTable(table)
        batch.addSet(table, map)
        batch.addChain(table, { name: 'c' })
        batch.addChain(table, { name: 'hook', base: { type: 'filter', hook: 'output', priority: -99 } })
        batch.addRule(table, {
          chain: 'hook',
          comment: 'why',
          statements: [
            { do: 'one-of', field: FIELDS['meta l4proto'], values: [6, 17] },
            { do: 'verdict', verdict: { kind: 'jump', chain: 'c' } },
          ],
        })
        batch.addElement(table, map, { key: Buffer.of(10, 0, 0, 1), data: { kind: 'goto', chain: 'c' } })
      }),
    )
    expect(fake.ruleset()).toEqual(
      new Map([
        [
          'ip t',
          {
            chains: new Map([
              ['c', { base: '', rules: [] }],
              [
                'hook',
                {
                  base: 'filter output -99',
                  rules: [
                    '[meta 1=00000001 2=00000010] [lookup 1=@__set0 2=00000001] [immediate 1=00000000 2=jump c] comment "why"',
                  ],
                },
              ],
            ]),
            sets: new Map([
              ['m', new Map([['0a000001', 'goto c']])],
              [
                '__set0',
                new Map([
                  ['06', ''],
                  ['11', ''],
                ]),
              ],
            ]),
          },
        ],
      ]),
    )
  })

  it('leaves nothing of a batch that was refused', async () => {
    const fake = new FakeKernel()
    const connection = new NftablesConnection(fake.transport())
    await connection.commit(
      written((batch) => {
        batch.addTable(table)
        batch.addSet(table, map)
        batch.addChain(table, { name: 'c' })
        batch.addElement(table, map, { key: Buffer.of(1, 1, 1, 1), data: { kind: 'goto', chain: 'c' } })
      }),
    )
    const before = fake.ruleset()
    await expect(
      connection.commit(
        written((batch) => {
          batch.addTable({ family: 'ip6', name: 'other' })
          batch.deleteElement(table, map, { key: Buffer.of(1, 1, 1, 1) })
          batch.deleteChain(table, 'c')
          batch.deleteSet(table, 'm')
          batch.deleteChain(table, 'missing')
        }),
      ),
    ).rejects.toThrow('delete rule ip t missing: ENOENT')
    expect(fake.ruleset()).toEqual(before)
    expect(fake.transactions).toBe(1)
    // What counts the references is as before, too.
    await expect(connection.commit(written((batch) => batch.deleteChain(table, 'c')))).rejects.toThrow('EBUSY')
  })

  it('deletes the anonymous sets of a rule with it', () => {
    const fake = new FakeKernel()
    fake.foreign(
      written((batch) => {
        batch.addTable(table)
        batch.addChain(table, { name: 'c' })
        batch.addRule(table, {
          chain: 'c',
          statements: [{ do: 'one-of', field: FIELDS['meta l4proto'], values: [6] }],
        })
      }),
    )
    expect(fake.ruleset().get('ip t')?.sets.size).toBe(1)
    fake.foreign(written((batch) => batch.flushChain(table, 'c')))
    expect(fake.ruleset().get('ip t')?.sets.size).toBe(0)
  })

  it('fails the next batch as it is told, once', async () => {
    const fake = new FakeKernel()
    const connection = new NftablesConnection(fake.transport())
    const add = () => connection.commit(written((batch) => batch.addTable(table)))
    fake.failNext({ errno: 'ENOMEM' })
    fake.failNext({ errno: 'EPERM', message: 0 })
    await expect(add()).rejects.toThrow('add table ip t: ENOMEM')
    await expect(add()).rejects.toThrow('commit : EPERM')
    await add()
    expect(fake.transactions).toBe(1)
  })

  it('refuses what it is told to, until it is told to stop', async () => {
    const fake = new FakeKernel()
    const connection = new NftablesConnection(fake.transport())
    const add = () => connection.commit(written((batch) => batch.addTable(table)))
    const stop = fake.refuse(({ operation, family }) =>
      operation === 'add table' && family === 'ip' ? 'ENOSPC' : undefined,
    )
    await expect(add()).rejects.toThrow('ENOSPC')
    await expect(add()).rejects.toThrow('ENOSPC')
    stop()
    await add()
  })

  it('does not let a closed socket be used', () => {
    const transport = new FakeKernel().transport()
    transport.close()
    expect(() => transport.send(Buffer.alloc(16))).toThrow(NetlinkError)
    expect(() => transport.receive()).toThrow(NetlinkError)
  })

  it('gives every socket a port id of its own', () => {
    const fake = new FakeKernel()
    const ids = [fake.transport(), fake.transport(), fake.watchTransport()].map(({ portId }) => portId)
    expect(new Set(ids).size).toBe(3)
  })

  it('counts generations past 32 bits', () => {
    const fake = new FakeKernel({ generation: 0xffffffff })
    fake.foreign(written((batch) => batch.addTable(table)))
    expect(fake.generation).toBe(1)
  })
})
