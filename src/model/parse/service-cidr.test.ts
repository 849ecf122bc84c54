import { expect, test } from 'vitest'
import { parseObject } from './object.ts'

const of = (spec: unknown, version = 'v1'): object => ({
  apiVersion: `networking.k8s.io/${version}`,
  kind: 'ServiceCIDR',
  metadata: { name: 'kubernetes' },
  spec,
})

test.each(['v1', 'v1beta1'])('a ServiceCIDR of %s (promise 52)', (version) => {
  const { objects, problems } = parseObject(
    of({ cidrs: ['10.96.0.0/12', 'FD00:10:96::/112', '10.96.0.0/12'] }, version),
    '',
  )
  expect(problems).toEqual([])
  expect(objects).toEqual([
    { kind: 'ServiceCIDR', value: { name: 'kubernetes', cidrs: ['10.96.0.0/12', 'fd00:10:96::/112'] } },
  ])
})

test.each([['0.0.0.0/0'], ['10.0.0.0/7'], ['::/0'], ['10.96.0.0'], [7], [null]])(
  'not a range of Services: %j',
  (cidr) => {
    const { objects, problems } = parseObject(of({ cidrs: ['10.96.0.0/12', cidr] }), '')
    expect(problems).toMatchObject([{ severity: 'warning', object: 'ServiceCIDR kubernetes', field: 'spec.cidrs[1]' }])
    expect(objects[0]?.value).toMatchObject({ cidrs: ['10.96.0.0/12'] })
  },
)

test('without ranges', () => {
  expect(parseObject(of(undefined), '').objects[0]?.value).toEqual({ name: 'kubernetes', cidrs: [] })
})
