import { describe, expect, test } from 'vitest'
import { FakeTransport } from '../netlink/fake-transport.ts'
import { ConntrackConnection } from './connection.ts'
import { IPPROTO_UDP as UDP } from './constants.ts'
import { ConntrackError } from './error.ts'
import type { Entry } from './fake/entry.ts'
import { FakeConntrack } from './fake/fake-conntrack.ts'
import { type FlowKey, type RawAddress, rawAddress } from './flow.ts'

/** Exchanged with Linux 6.18, which had the entry of {@link CAPTURED_FLOW} and the same one in zone 7 of 10.96.0.11. */
const CAPTURED = {
  dump4:
    '3800000001010103010000000000000002000000100001800c00028005000100110000001400198008000100080000000800020000000000',
  entries4:
    'c00000000001220001000000ec380000020000003400018014000180080001000af40101080002000a60000a1c0002800500010011000000060002009c40000006000300003500003400028014000180080001000af40201080002000af401011c00028005000100110000000600020014e90000060003009c4000000800030000000008080008000000000008000c00ae98f54a08000b000000000108000700000000631c001880080001000000000008000200000000000800030000000000' +
    'c80000000001220001000000ec380000020000003400018014000180080001000af40101080002000a60000b1c0002800500010011000000060002009c41000006000300003500003400028014000180080001000a60000b080002000af401011c0002800500010011000000060002000035' +
    '0000060003009c41000006001200000700000800030000000008080008000000000008000c00638af4f308000b000000000108000700000000631c001880080001000000000008000200000000000800030000000000',
  done: '140000000300020001000000ec38000000000000',
  delete4:
    '50000000020105000100000000000000020000003400018014000180080001000af40101080002000a60000a1c0002800500010011000000060002009c400000060003000035000008000c00ae98f54a',
  acknowledged: '240000000200000101000000ec3800000000000050000000020105000100000000000000',
  entry6:
    'f00000000001220001000000f67200000a0000004c0001802c00018014000300fd00001002440000000000000000000114000400fd00001000960000000000000000000a1c0002800500010011000000060002009c40000006000300003500004c0002802c00018014000300fd00001002440000000000000000000214000400fd0000100244000000000000000000011c00028005000100110000000600020014e90000060003009c4000000800030000000008080008000000000008000c007d791dc908000b000000000108000700000000631c001880080001000000000008000200000000000800030000000000',
}
const CAPTURED_FLOW = {
  protocol: UDP,
  destination: raw(10, 96, 0, 10),
  destinationPort: 53,
  replySource: raw(10, 244, 2, 1),
  replySourcePort: 5353,
  zone: 0,
}

function raw(...bytes: number[]): RawAddress {
  return rawAddress(Uint8Array.from(bytes))
}

/** A kernel that answers every request with these datagrams. @returns the requests that it got. */
function scripted(...answers: readonly string[]): { connection: ConntrackConnection; requests: string[] } {
  const requests: string[] = []
  const transport: FakeTransport = new FakeTransport(1, (datagram) => {
    requests.push(datagram.toString('hex'))
    transport.deliver(answers.map((answer) => Buffer.from(answer, 'hex')))
  })
  return { connection: new ConntrackConnection(transport), requests }
}

async function flowsOf(connection: ConntrackConnection, family: 4 | 6 = 4) {
  const found: { flow: object; key: FlowKey }[] = []
  for await (const flows of connection.flows(family, UDP)) {
    for (const { key, ...flow } of flows) found.push({ flow, key: key() })
  }
  return found
}

async function failureOf(work: Promise<unknown>): Promise<ConntrackError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return error instanceof ConntrackError ? error : expect.fail(`no ConntrackError but ${String(error)}`)
}

function entry(number: number, overrides: Partial<Entry> = {}): Entry {
  return {
    protocol: UDP,
    source: { address: Uint8Array.of(10, 244, number >> 8, number), port: 1 + number },
    destination: { address: Uint8Array.of(10, 96, 0, 10), port: 53 },
    ...overrides,
  }
}

function connected(...entries: readonly Entry[]): { fake: FakeConntrack; connection: ConntrackConnection } {
  const fake = new FakeConntrack()
  for (const each of entries) fake.add(each)
  return { fake, connection: new ConntrackConnection(fake.transport()) }
}

describe('what a kernel says', () => {
  test('entries are read, and asked for as it understands', async () => {
    const { connection, requests } = scripted(CAPTURED.entries4, CAPTURED.done)
    const [first, second, ...rest] = await flowsOf(connection)
    expect(requests).toEqual([CAPTURED.dump4])
    expect(first?.flow).toEqual(CAPTURED_FLOW)
    expect(second?.flow).toEqual({
      ...CAPTURED_FLOW,
      destination: raw(10, 96, 0, 11),
      replySource: raw(10, 96, 0, 11),
      replySourcePort: 53,
      zone: 7,
    })
    expect(rest).toEqual([])
  })

  test('entries of IPv6', async () => {
    const { connection } = scripted(CAPTURED.entry6, CAPTURED.done)
    const [first] = await flowsOf(connection, 6)
    expect(first?.key).toMatchObject({ family: 6, id: 0x7d791dc9 })
    expect(first?.flow).toMatchObject({
      destination: raw(0xfd, 0, 0, 0x10, 0, 0x96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10),
      replySource: raw(0xfd, 0, 0, 0x10, 2, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2),
    })
  })

  test('an entry is deleted by its tuple and id', async () => {
    const reading = scripted(CAPTURED.entries4, CAPTURED.done)
    const [first] = await flowsOf(reading.connection)
    const { connection, requests } = scripted(CAPTURED.acknowledged)
    expect(await connection.deleteFlows(first ? [first.key] : [])).toEqual({ deleted: 1 })
    expect(requests).toEqual([CAPTURED.delete4])
  })
})

describe('ConntrackConnection.flows', () => {
  test('gives those of the family and protocol', async () => {
    const tcp = entry(2, { protocol: 6 })
    const { fake, connection } = connected(entry(1), tcp)
    expect(await flowsOf(connection)).toHaveLength(1)
    expect(await flowsOf(connection, 6)).toHaveLength(0)
    expect(fake.requests).toEqual(['dump 4 filtered', 'dump 6 filtered'])
  })

  test('gives all where the kernel cannot filter, and then does not ask it again', async () => {
    const { fake, connection } = connected(entry(1), entry(2, { protocol: 6 }))
    fake.canFilter = false
    expect((await flowsOf(connection)).map(({ flow }) => flow)).toMatchObject([{ protocol: 17 }, { protocol: 6 }])
    await flowsOf(connection)
    expect(fake.requests).toEqual(['dump 4 filtered', 'dump 4', 'dump 4'])
  })

  test('knows a kernel without ctnetlink', async () => {
    const { fake, connection } = connected()
    fake.hasCtnetlink = false
    expect(await failureOf(flowsOf(connection))).toMatchObject({ code: 'CONNTRACK_UNSUPPORTED', errno: 'EINVAL' })
  })

  test('an answer that stops in the middle is a failure', async () => {
    const { connection } = scripted(CAPTURED.entries4)
    expect((await failureOf(flowsOf(connection))).code).toBe('CONNTRACK_READ')
  })

  test('a listing that is given up does not disturb the next call', async () => {
    const { connection } = connected(...Array.from({ length: 500 }, (_, i) => entry(i)))
    for await (const _ of connection.flows(4, UDP)) break
    expect(await flowsOf(connection)).toHaveLength(500)
  })
})

describe('ConntrackConnection.deleteFlows', () => {
  test('deletes thousands with few datagrams', async () => {
    const { fake, connection } = connected(...Array.from({ length: 2500 }, (_, i) => entry(i)))
    const found = await flowsOf(connection)
    expect(await connection.deleteFlows(found.slice(1).map(({ key }) => key))).toEqual({ deleted: 2499 })
    expect(fake.entries()).toHaveLength(1)
    expect(fake.requests.filter((request) => request === 'delete')).toHaveLength(3)
  })

  test('leaves alone what is gone, and a newer entry in its place', async () => {
    const [gone, replaced, last] = [entry(1), entry(2), entry(3)]
    const { fake, connection } = connected(gone, replaced, last)
    const found = await flowsOf(connection)
    for (const each of [gone, replaced]) fake.remove(each)
    const newer = entry(2)
    fake.add(newer)
    expect(await connection.deleteFlows(found.map(({ key }) => key))).toEqual({ deleted: 1 })
    expect(fake.entries()).toEqual([newer])
  })

  test('does nothing with none', async () => {
    const { fake, connection } = connected()
    expect(await connection.deleteFlows([])).toEqual({ deleted: 0 })
    expect(fake.requests).toEqual([])
  })

  test('says when the kernel refused', async () => {
    const { fake, connection } = connected(entry(1))
    const found = await flowsOf(connection)
    fake.refuseDeletes = 'EBUSY'
    const { deleted, failure } = await connection.deleteFlows(found.map(({ key }) => key))
    expect(deleted).toBe(0)
    expect(failure).toBeInstanceOf(ConntrackError)
    expect(failure).toMatchObject({ code: 'CONNTRACK_DELETE', message: '1 of 1 entries were not deleted: EBUSY' })
  })

  test('says when there was no answer', async () => {
    const reading = scripted(CAPTURED.entries4, CAPTURED.done)
    const found = await flowsOf(reading.connection)
    const { connection } = scripted()
    expect((await failureOf(connection.deleteFlows(found.map(({ key }) => key)))).code).toBe('CONNTRACK_DELETE')
  })
})
