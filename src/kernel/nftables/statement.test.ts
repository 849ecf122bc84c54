import { describe, expect, it } from 'vitest'
import { MessageWriter } from '../netlink/writer.ts'
import { sameRule } from './compare.ts'
import type { ReadRule } from './decode.ts'
import { expressionsText } from './fake/expression-text.ts'
import { FIELDS, numgenRandom } from './field.ts'
import type { Statement } from './statement.ts'
import { anonymousSet, encodeStatement } from './statement-netlink.ts'
import { statementText } from './statement-text.ts'

const daddr = FIELDS['ip daddr']
const l4proto = FIELDS['meta l4proto']
const dport = FIELDS['th dport']
const priority = FIELDS['meta priority']

/** Every statement as nft writes it, and as the kernel has it. */
const STATEMENTS: [string, Statement, string][] = [
  [
    'th dport 80',
    { do: 'match', field: dport, value: 80 },
    '[payload 1=00000001 2=00000002 3=00000002 4=00000002] [cmp 1=00000001 2=00000000 3=0050]',
  ],
  [
    'meta priority != none',
    { do: 'match', field: priority, value: 0, not: true },
    '[meta 1=00000001 2=00000002] [cmp 1=00000001 2=00000001 3=00000000]',
  ],
  [
    'meta l4proto sctp',
    { do: 'match', field: l4proto, value: 132 },
    '[meta 1=00000001 2=00000010] [cmp 1=00000001 2=00000000 3=84]',
  ],
  [
    'ct state new',
    { do: 'match-bits', field: FIELDS['ct state'], bits: 8 },
    '[ct 1=00000001 2=00000000] [bitwise 1=00000001 2=00000001 3=00000004 4=08000000 5=00000000] [cmp 1=00000001 2=00000001 3=00000000]',
  ],
  [
    'ct status ! dnat',
    { do: 'match-bits', field: FIELDS['ct status'], bits: 0x20, not: true },
    '[ct 1=00000001 2=00000002] [bitwise 1=00000001 2=00000001 3=00000004 4=20000000 5=00000000] [cmp 1=00000001 2=00000000 3=00000000]',
  ],
  [
    'ct state invalid',
    { do: 'match-bits', field: FIELDS['ct state'], bits: 1 },
    '[ct 1=00000001 2=00000000] [bitwise 1=00000001 2=00000001 3=00000004 4=01000000 5=00000000] [cmp 1=00000001 2=00000001 3=00000000]',
  ],
  [
    'iifname "cbr0"',
    { do: 'match-interface', name: 'cbr0', prefix: false },
    '[meta 1=00000001 2=00000006] [cmp 1=00000001 2=00000000 3=63627230000000000000000000000000]',
  ],
  [
    'iifname != "veth*"',
    { do: 'match-interface', name: 'veth', prefix: true, not: true },
    '[meta 1=00000001 2=00000006] [cmp 1=00000001 2=00000001 3=76657468]',
  ],
  [
    'ip daddr @node-ips',
    { do: 'lookup', key: [daddr], set: 'node-ips' },
    '[payload 1=00000001 2=00000001 3=00000010 4=00000004] [lookup 1=@node-ips 2=00000001]',
  ],
  [
    'ip daddr != @node-ips',
    { do: 'lookup', key: [daddr], set: 'node-ips', not: true },
    '[payload 1=00000001 2=00000001 3=00000010 4=00000004] [lookup 1=@node-ips 2=00000001 5=00000001]',
  ],
  [
    'meta l4proto { tcp, udp }',
    { do: 'one-of', field: l4proto, values: [6, 17] },
    '[meta 1=00000001 2=00000010] [lookup 1=@__set0 2=00000001]',
  ],
  [
    'meta priority & 0:fff vmap @classes',
    { do: 'vmap', field: priority, mask: 0xfff, map: 'classes' },
    '[meta 1=00000001 2=00000002] [bitwise 1=00000001 2=00000001 3=00000004 4=ff0f0000 5=00000000] [lookup 1=@classes 2=00000001 3=00000000]',
  ],
  [
    'meta priority vmap @classes',
    { do: 'vmap', field: priority, map: 'classes' },
    '[meta 1=00000001 2=00000002] [lookup 1=@classes 2=00000001 3=00000000]',
  ],
  [
    'meta l4proto vmap { tcp : jump a, udp : drop }',
    {
      do: 'vmap-anonymous',
      field: l4proto,
      entries: [
        { value: 6, verdict: { kind: 'jump', chain: 'a' } },
        { value: 17, verdict: { kind: 'drop' } },
      ],
    },
    '[meta 1=00000001 2=00000010] [lookup 1=@__set0 2=00000001 3=00000000]',
  ],
  [
    'meta priority set none',
    { do: 'set-priority-none' },
    '[immediate 1=00000001 2=00000000] [meta 2=00000002 3=00000001]',
  ],
  [
    'meta priority set meta priority & ffff:f000',
    { do: 'mask-priority', mask: 0xfffff000 },
    '[meta 1=00000001 2=00000002] [bitwise 1=00000001 2=00000001 3=00000004 4=00f0ffff 5=00000000] [meta 2=00000002 3=00000001]',
  ],
  [
    'meta priority set ip daddr . th dport map @services',
    { do: 'set-priority-map', key: [daddr, dport], map: 'services' },
    '[payload 1=00000001 2=00000001 3=00000010 4=00000004] [payload 1=00000009 2=00000002 3=00000002 4=00000002] [lookup 1=@services 2=00000001 3=00000001] [meta 2=00000002 3=00000001]',
  ],
  [
    'dnat to meta priority . numgen random mod 3 map @endpoints',
    { do: 'dnat-map', key: [priority, numgenRandom(3)], map: 'endpoints' },
    '[meta 1=00000001 2=00000002] [numgen 1=00000009 2=00000003 3=00000001 4=00000000] [lookup 1=@endpoints 2=00000001 3=00000001] [nat 1=00000001 2=00000002 3=00000001 5=00000009]',
  ],
  [
    'update @affinity { ct original ip saddr timeout 60s : ct reply proto-src }',
    {
      do: 'update',
      map: 'affinity',
      key: [FIELDS['ct original ip saddr']],
      data: [FIELDS['ct reply proto-src']],
      timeoutSeconds: 60,
    },
    '[ct 1=00000001 2=00000013 3=00] [ct 1=00000009 2=0000000b 3=01] [dynset 1=@affinity 3=00000001 4=00000001 5=00000009 6=000000000000ea60]',
  ],
  ['masquerade fully-random', { do: 'masquerade' }, '[masq 1=00000010]'],
  ['reject', { do: 'reject' }, '[reject 1=00000000 2=03]'],
  ['return', { do: 'verdict', verdict: { kind: 'return' } }, '[immediate 1=00000000 2=return]'],
  [
    'goto pick-3',
    { do: 'verdict', verdict: { kind: 'goto', chain: 'pick-3' } },
    '[immediate 1=00000000 2=goto pick-3]',
  ],
]

function encode(statement: Statement, family: 'ip' | 'ip6' = 'ip'): Buffer {
  const writer = new MessageWriter()
  encodeStatement(writer, family, statement, anonymousSet(statement) && { name: '__set0' })
  return writer.bytes
}

describe.each(STATEMENTS)('%s', (text, statement, kernel) => {
  it('is written as nft does', () => {
    expect(statementText(statement)).toBe(text)
  })

  it('is encoded as the kernel has it', () => {
    expect(expressionsText(encode(statement))).toBe(kernel)
  })

  it('is told from every other one', () => {
    for (const [other, candidate] of STATEMENTS) {
      const read: ReadRule = { table: 't', chain: 'c', handle: 1n, comment: '', expressions: encode(candidate) }
      const isSame = sameRule('ip', { chain: 'c', statements: [statement] }, read) !== undefined
      // What is in an anonymous set is compared apart.
      if (anonymousSet(statement) === undefined) expect(isSame, other).toBe(other === text)
    }
  })
})

describe('IPv6', () => {
  it('is rejected with its own code', () => {
    expect(expressionsText(encode({ do: 'reject' }, 'ip6'))).toBe('[reject 1=00000000 2=04]')
  })

  it('has the port of an endpoint four registers behind the address', () => {
    const statement: Statement = { do: 'dnat-map', key: [priority], map: 'endpoints' }
    expect(expressionsText(encode(statement, 'ip6'))).toContain('[nat 1=00000001 2=0000000a 3=00000001 5=00000002]')
  })
})
