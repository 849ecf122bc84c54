import { describe, expect, it } from 'vitest'
import { messages } from '../netlink/message.ts'
import { NetlinkBatch } from './batch.ts'
import { NftablesConnection } from './connection.ts'
import { NFT_MSG } from './constants.ts'
import { DATA_TYPES } from './datatype.ts'
import { NftablesError } from './error.ts'
import { FakeKernel } from './fake/fake-kernel.ts'
import type { Element, NftSet, Table } from './types.ts'

const table: Table = { family: 'ip', name: 't' }
const map: NftSet = { name: 'm', key: [DATA_TYPES.ipv4_addr], data: [DATA_TYPES.classid] }

function element(number: number): Element {
  const key = Buffer.alloc(4)
  key.writeUInt32BE(number)
  return { key, data: key, comment: `element ${number}` }
}

function batchOf(write: (batch: NetlinkBatch) => void): NetlinkBatch {
  const batch = new NetlinkBatch()
  write(batch)
  return batch
}

const declaration = () =>
  batchOf((batch) => {
    batch.addTable(table)
    batch.addSet(table, map)
  })

async function connected(): Promise<{ fake: FakeKernel; connection: NftablesConnection }> {
  const fake = new FakeKernel()
  const connection = new NftablesConnection(fake.transport())
  await connection.commit(declaration())
  return { fake, connection }
}

async function failureOf(work: Promise<unknown>): Promise<NftablesError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return error instanceof NftablesError ? error : expect.fail(`no NftablesError but ${String(error)}`)
}

describe('NftablesConnection.commit', () => {
  it('does nothing with an empty batch', async () => {
    const { fake, connection } = await connected()
    const seen: string[] = []
    fake.onRequest = (request) => seen.push(request)
    await connection.commit(new NetlinkBatch())
    expect(seen).toEqual([])
  })

  it('splits 100,000 elements into messages of less than 64 KB', async () => {
    const { fake, connection } = await connected()
    const batch = batchOf((added) => {
      for (let i = 0; i < 100_000; i++) added.addElement(table, map, { ...element(i), comment: 'x'.repeat(i % 140) })
    })
    const parts = [...messages(batch.finish(0))].filter(({ type }) => type === NFT_MSG.NEWSETELEM)
    expect(parts.length).toBeGreaterThan(100)
    for (const { start, end } of parts) expect(end - start).toBeLessThan(0xffff)
    await connection.commit(batch)
    expect(fake.transactions).toBe(2)
    const read = new Map<string, string>()
    await connection.readElements(table, 'm', ({ key, comment }) => read.set(key.toString('hex'), comment))
    expect(read.size).toBe(100_000)
    expect(read.get('0000007f')).toBe('x'.repeat(127))
    expect(read.get('00000080')).toBe(`${'x'.repeat(124)}...`)
  })

  it('names number 700 of 1,000 elements when the kernel refuses it', async () => {
    const { fake, connection } = await connected()
    await connection.commit(batchOf((batch) => batch.addElement(table, map, element(700))))
    const before = fake.ruleset()
    const error = await failureOf(
      connection.commit(
        batchOf((batch) => {
          for (let i = 1; i <= 1000; i++) batch.addElement(table, map, element(i))
        }),
      ),
    )
    expect(error.code).toBe('NFT_REFUSED')
    expect(error.message).toBe('the kernel refused: add element ip t m (element 700): EEXIST')
    expect(error.refusals).toEqual([
      {
        errno: 'EEXIST',
        text: '',
        operation: 'add element',
        family: 'ip',
        table: 't',
        object: 'm',
        key: element(700).key,
        comment: 'element 700',
      },
    ])
    expect(fake.ruleset()).toEqual(before)
  })

  it('names every message that was refused', async () => {
    const { connection } = await connected()
    const error = await failureOf(
      connection.commit(
        batchOf((batch) => {
          batch.deleteElement(table, map, element(1))
          batch.addRule(table, { chain: 'missing', statements: [] })
          batch.addElement(table, map, element(2))
          batch.deleteSet(table, 'missing')
        }),
      ),
    )
    expect(error.message).toBe('the kernel refused: delete element ip t m (00000001): ENOENT (and 2 more)')
    expect(error.refusals.map(({ operation, object }) => `${operation} ${object}`)).toEqual([
      'delete element m',
      'add rule missing',
      'delete set missing',
    ])
  })

  it('says that the ruleset is not of the generation that it was read in', async () => {
    const { fake, connection } = await connected()
    const generation = await connection.generation()
    fake.foreign(batchOf((batch) => batch.addTable({ family: 'ip6', name: 'other' })))
    const error = await failureOf(
      connection.commit(
        batchOf((batch) => batch.addElement(table, map, element(1))),
        generation,
      ),
    )
    expect(error.code).toBe('NFT_STALE')
    await connection.commit(
      batchOf((batch) => batch.addElement(table, map, element(1))),
      generation + 1,
    )
    expect(await connection.generation()).toBe(generation + 2)
  })

  it('does not know what became of a batch whose answers were lost', async () => {
    const { fake, connection } = await connected()
    fake.overrunNext()
    const error = await failureOf(connection.commit(batchOf((batch) => batch.addElement(table, map, element(1)))))
    expect(error.code).toBe('NFT_UNACKNOWLEDGED')
    // The next call is not confused by it.
    expect(await connection.generation()).toBe(3)
  })

  it.each(['EPERM', 'ENOMEM'])('reports that the batch as such was refused: %s', async (errno) => {
    const { fake, connection } = await connected()
    fake.failNext({ errno, message: 0 })
    const error = await failureOf(connection.commit(batchOf((batch) => batch.addElement(table, map, element(1)))))
    expect(error).toMatchObject({ code: 'NFT_REFUSED', message: `the kernel refused: commit : ${errno}` })
  })

  it("reports the kernel's own words", async () => {
    const { fake, connection } = await connected()
    fake.failNext({ errno: 'ENOSPC', text: 'no room' })
    const error = await failureOf(connection.commit(batchOf((batch) => batch.addElement(table, map, element(1)))))
    expect(error.message).toBe('the kernel refused: add element ip t m: ENOSPC: no room')
  })

  it('knows a kernel without nf_tables', async () => {
    const { fake, connection } = await connected()
    fake.unsupported = true
    expect((await failureOf(connection.commit(declaration()))).code).toBe('NFT_UNSUPPORTED')
    expect((await failureOf(connection.generation())).code).toBe('NFT_UNSUPPORTED')
    expect((await failureOf(connection.readTable(table))).code).toBe('NFT_UNSUPPORTED')
  })
})

describe('NftablesConnection.readTable', () => {
  it('is undefined when there is no such table', async () => {
    const { connection } = await connected()
    expect(await connection.readTable({ family: 'ip6', name: 't' })).toBeUndefined()
    expect(await connection.readTable({ family: 'ip', name: 'u' })).toBeUndefined()
  })

  it('leaves out what belongs to other tables', async () => {
    const { fake, connection } = await connected()
    fake.foreign(
      batchOf((batch) => {
        for (const family of ['ip', 'ip6'] as const) {
          const other: Table = { family, name: family === 'ip' ? 'other' : 't' }
          batch.addTable(other)
          batch.addChain(other, { name: 'c' })
          batch.addSet(other, map)
          batch.addRule(other, { chain: 'c', statements: [{ do: 'reject' }] })
        }
      }),
    )
    const state = await connection.readTable(table)
    expect(state).toMatchObject({ flags: 0, chains: [], rules: [] })
    expect(state?.sets.map(({ name }) => name)).toEqual(['m'])
  })

  it('reads no elements where there is no set', async () => {
    const { connection } = await connected()
    await connection.readElements(table, 'missing', () => expect.fail('an element'))
  })
})

describe('calls', () => {
  it('are carried out one after the other', async () => {
    const { fake, connection } = await connected()
    const seen: string[] = []
    fake.onRequest = (request) => seen.push(request)
    await Promise.all([
      connection.readElements(table, 'm', () => {}),
      connection.commit(batchOf((batch) => batch.addElement(table, map, element(1)))),
      connection.generation(),
    ])
    expect(seen).toEqual(['GETSETELEM', 'commit', 'GETGEN'])
  })
})
