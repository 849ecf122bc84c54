import { describe, expect, it } from 'vitest'
import { concatBytes, DATA_TYPES, type DataType, formatClassid, formatConcat, formatIpv6 } from './datatype.ts'

const { ipv4_addr, ipv6_addr, inet_proto, inet_service, classid, integer } = DATA_TYPES

describe('formatClassid', () => {
  it.each([
    [0, 'none'],
    [0xffffffff, 'root'],
    [-1, 'root'],
    [1, '0:1'],
    [0x00010000, '1:0'],
    [0x12345678, '1234:5678'],
    [0xfffff000, 'ffff:f000'],
  ])('%i -> %s', (value, text) => {
    expect(formatClassid(value)).toBe(text)
  })
})

describe('formatIpv6', () => {
  it.each([
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['fd000000000000000000000000000000', 'fd00::'],
    ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['00010002000300040005000600070008', '1:2:3:4:5:6:7:8'],
    ['00010000000000000005000000000000', '1::5:0:0:0'],
  ])('%s -> %s', (hex, text) => {
    expect(formatIpv6(Buffer.from(hex, 'hex'))).toBe(text)
  })
})

describe('formatConcat', () => {
  it.each<[string, DataType[], string, string]>([
    ['an address', [ipv4_addr], '0a600001', '10.96.0.1'],
    ['a service', [ipv4_addr, inet_proto, inet_service], '0a600001 06000000 00500000', '10.96.0.1 . tcp . 80'],
    [
      'an IPv6 service',
      [ipv6_addr, inet_proto, inet_service],
      `fd${'00'.repeat(15)} 11000000 00350000`,
      'fd00:: . udp . 53',
    ],
    ['SCTP', [inet_proto, inet_service], '84000000 00010000', 'sctp . 1'],
    ['a protocol without a name', [inet_proto], '2f', '47'],
    ['host order', [classid, integer], '01100000 05000000', '0:1001 . 5'],
  ])('%s', (_, types, hex, text) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
    expect(bytes).toHaveLength(concatBytes(types))
    expect(formatConcat(types, bytes)).toBe(text)
  })
})
