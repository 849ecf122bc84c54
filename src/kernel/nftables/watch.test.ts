import { describe, expect, it } from 'vitest'
import { NetlinkBatch } from './batch.ts'
import { NftablesConnection } from './connection.ts'
import { DATA_TYPES } from './datatype.ts'
import { FakeKernel } from './fake/fake-kernel.ts'
import type { Table } from './types.ts'
import { NftablesWatch } from './watch.ts'

const ours: Table = { family: 'ip', name: 'sluice' }
const ours6: Table = { family: 'ip6', name: 'sluice' }
const set = { name: 's', key: [DATA_TYPES.ipv4_addr] }

function added(...tables: Table[]): NetlinkBatch {
  const batch = new NetlinkBatch()
  for (const table of tables) {
    batch.addTable(table)
    batch.addSet(table, set)
  }
  return batch
}

function started() {
  const fake = new FakeKernel()
  const connection = new NftablesConnection(fake.transport())
  const watch = new NftablesWatch([ours, ours6], connection.portId, () => fake.watchTransport())
  watch.start()
  return { fake, connection, watch }
}

describe('NftablesWatch', () => {
  it('tells which of our tables somebody else touched', () => {
    const { fake, watch } = started()
    fake.foreign(added(ours6))
    expect(watch.poll()).toEqual({ touched: new Set([ours6]), generation: 2, overrun: false })
    expect(watch.poll()).toEqual({ touched: new Set(), generation: undefined, overrun: false })
  })

  it.each<[string, (batch: NetlinkBatch) => void]>([
    ['a chain', (batch) => batch.addChain(ours, { name: 'c' })],
    ['a set', (batch) => batch.addSet(ours, { ...set, name: 'other' })],
    ['an element', (batch) => batch.addElement(ours, set, { key: Buffer.alloc(4) })],
    ['the table', (batch) => batch.deleteTable(ours)],
  ])('notices %s', (_, change) => {
    const { fake, watch } = started()
    fake.foreign(added(ours))
    watch.poll()
    const batch = new NetlinkBatch()
    change(batch)
    fake.foreign(batch)
    expect(watch.poll().touched).toEqual(new Set([ours]))
  })

  it('counts our own commits as generations only', async () => {
    const { connection, watch } = started()
    await connection.commit(added(ours))
    expect(watch.poll()).toEqual({ touched: new Set(), generation: 2, overrun: false })
  })

  it('does not mind other tables', () => {
    const { fake, watch } = started()
    fake.foreign(added({ family: 'ip', name: 'sluice-2' }))
    fake.foreign(added({ family: 'ip', name: 'other' }))
    expect(watch.poll()).toEqual({ touched: new Set(), generation: 3, overrun: false })
  })

  it('says that notifications were lost, and goes on', () => {
    const { fake, watch } = started()
    fake.foreign(added(ours))
    fake.overrunWatchers()
    fake.foreign(added(ours6))
    expect(watch.poll()).toEqual({ touched: new Set([ours6]), generation: 3, overrun: true })
  })

  it('hears nothing while it is stopped', () => {
    const { fake, watch } = started()
    watch.stop()
    expect(watch.active).toBe(false)
    fake.foreign(added(ours))
    watch.start()
    expect(watch.poll()).toEqual({ touched: new Set(), generation: undefined, overrun: false })
  })
})
