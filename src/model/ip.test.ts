import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { expect, test } from 'vitest'
import { runs } from '../../test/property/runs.ts'
import { ipBytes, ipFromBytes, parseIp, writeIp } from './ip.ts'

/** Zeros are frequent, so that `::` stands at every place. */
const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }))
const groups = fc.array(group, { minLength: 8, maxLength: 8 })

test.each(['::', '::1', '1::', 'fd00::1', '1:2:3:4:5:6:7:8', 'fe80::1:0:0:1', '1:0:0:2::3'])(
  'the bytes of %s',
  (text) => {
    const ip = parseIp(text)
    if (ip === undefined) throw new TypeError(text)
    expect([...ipBytes(ip)]).toEqual(ipaddr.IPv6.parse(text).toByteArray())
  },
)

test('an IPv6 address has the bytes that it was made of, and nothing behind them is touched', () => {
  fc.assert(
    fc.property(groups, (parts) => {
      const bytes = Uint8Array.from(parts.flatMap((part) => [part >> 8, part & 0xff]))
      const target = new Uint8Array(20).fill(0xaa)
      expect(writeIp(ipFromBytes(bytes), target)).toBe(16)
      expect([...target]).toEqual([...bytes, 0xaa, 0xaa, 0xaa, 0xaa])
    }),
    runs(1000),
  )
})
