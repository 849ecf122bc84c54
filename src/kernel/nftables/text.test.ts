import { describe, expect, it } from 'vitest'
import { DATA_TYPES } from './datatype.ts'
import { FIELDS, numgenRandom } from './field.ts'
import { TextTransaction } from './text.ts'
import type { NftSet, Table } from './types.ts'

const table: Table = { family: 'ip', name: 't' }
const { ipv4_addr, inet_proto, inet_service, classid } = DATA_TYPES
const services: NftSet = { name: 'services', key: [ipv4_addr, inet_proto, inet_service], data: [classid] }
const ranges: NftSet = { name: 'ranges', key: [ipv4_addr], interval: true }
const bytes = (hex: string) => Buffer.from(hex, 'hex')

function linesOf(write: (transaction: TextTransaction) => void): string[] {
  const transaction = new TextTransaction()
  write(transaction)
  return transaction.toString().split('\n').slice(0, -1)
}

describe('TextTransaction', () => {
  it('is empty at first', () => {
    expect(new TextTransaction().toString()).toBe('')
    expect(new TextTransaction().operations).toBe(0)
  })

  it('declares tables, chains, sets and maps', () => {
    const lines = linesOf((text) => {
      text.addTable(table)
      text.addChain(table, { name: 'c' })
      text.addChain(table, { name: 'hook', base: { type: 'nat', hook: 'output', priority: -100 } })
      text.addSet(table, services)
      text.addSet(table, ranges)
      text.addSet(table, { name: 'verdicts', key: [classid], data: 'verdict' })
      text.addSet(table, {
        name: 'pools',
        key: [FIELDS['meta priority'], numgenRandom(2)],
        data: [FIELDS['ip daddr'], FIELDS['th dport']],
      })
      text.addSet(table, {
        name: 'affinity',
        key: [ipv4_addr],
        data: [classid],
        dynamic: { timeoutSeconds: 60, size: 9 },
      })
      text.addRule(table, { chain: 'c', statements: [{ do: 'reject' }], comment: 'say "no"' })
    })
    expect(lines).toEqual([
      'add table ip t',
      'add chain ip t c',
      'add chain ip t hook { type nat hook output priority -100; policy accept; }',
      'add map ip t services { type ipv4_addr . inet_proto . inet_service : classid; }',
      'add set ip t ranges { type ipv4_addr; flags interval; }',
      'add map ip t verdicts { type classid : verdict; }',
      'add map ip t pools { typeof meta priority . numgen random mod 2 : ip daddr . th dport; }',
      'add map ip t affinity { type ipv4_addr : classid; size 9; flags dynamic,timeout; timeout 60s; }',
      `add rule ip t c reject comment "say 'no'"`,
    ])
  })

  it('puts elements that follow each other into one command', () => {
    const lines = linesOf((text) => {
      const element = { key: bytes('0a6000010600000000500000'), data: bytes('01100000'), comment: 'default/web' }
      text.addElement(table, services, element)
      text.addElement(table, services, { key: bytes('0a6000021100000000350000'), data: bytes('02100000') })
      text.deleteElement(table, services, element)
      text.addElement(table, services, element)
    })
    expect(lines).toEqual([
      'add element ip t services { 10.96.0.1 . tcp . 80 comment "default/web" : 0:1001, 10.96.0.2 . udp . 53 : 0:1002 }',
      'delete element ip t services { 10.96.0.1 . tcp . 80 }',
      'add element ip t services { 10.96.0.1 . tcp . 80 comment "default/web" : 0:1001 }',
    ])
  })

  it('writes ranges by their first and last address', () => {
    const lines = linesOf((text) => {
      text.addElement(table, ranges, { key: bytes('0a000000'), intervalEnd: bytes('0b000000') })
      text.addElement(table, ranges, { key: bytes('ff000000') })
    })
    expect(lines).toEqual(['add element ip t ranges { 10.0.0.0-10.255.255.255, 255.0.0.0-255.255.255.255 }'])
  })

  it('empties a chain before it deletes it', () => {
    expect(linesOf((text) => text.deleteChain(table, 'c'))).toEqual(['flush chain ip t c', 'delete chain ip t c'])
  })
})
