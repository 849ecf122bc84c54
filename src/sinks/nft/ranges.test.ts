import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Cidr, cidrContains, type IpAddress, parseCidr } from '../../model/ip.ts'
import { outermost } from './ranges.ts'

const arbitraryCidr = fc
  .oneof(
    fc.tuple(fc.constantFrom('10.0.0.0', '10.1.0.0', '10.1.128.0', '9.0.0.0', '192.0.2.1', '0.0.0.0'), fc.nat(32)),
    fc.tuple(fc.constantFrom('::', 'fd00::', 'fd00:1::', '2001:db8::1'), fc.nat(128)),
  )
  .map(([address, length]) => parseCidr(`${address}/${length}`) ?? expect.fail('no CIDR'))

test('the ranges that are in no other one are left, once each', () => {
  fc.assert(
    fc.property(fc.uniqueArray(arbitraryCidr, { maxLength: 12 }), (cidrs) => {
      const first = (cidr: Cidr) => cidr.slice(0, cidr.indexOf('/')) as IpAddress
      const length = (cidr: Cidr) => Number(cidr.split('/')[1])
      const isIn = (inner: Cidr, outer: Cidr) => length(outer) < length(inner) && cidrContains(outer, first(inner))
      const expected = cidrs.filter((cidr) => !cidrs.some((other) => isIn(cidr, other)))
      expect([...outermost(cidrs)].sort()).toEqual([...expected].sort())
    }),
    { numRuns: 1000 },
  )
})

test('thousands are no trouble', () => {
  const many = Array.from(
    { length: 20_000 },
    (_, i) => parseCidr(`10.${i >> 8}.${i & 255}.0/24`) ?? expect.fail('no CIDR'),
  )
  expect(outermost(many)).toHaveLength(20_000)
})
