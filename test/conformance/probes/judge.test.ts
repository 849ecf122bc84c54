import { expect, test } from 'vitest'
import type { Result } from '../../lab/index.ts'
import type { Probe } from '../format/case.ts'
import { judge } from './judge.ts'

const NODE = new Set(['192.168.0.2', '198.18.0.1'])
const POD = '10.0.0.2'
const VIP = '172.30.0.41'

const probe = (expected: Partial<Probe['expect']>, more: Partial<Probe> = {}): Probe => ({
  id: 'p',
  name: 'p',
  source: POD,
  destination: VIP,
  port: 80,
  protocol: 'TCP',
  expect: { verdict: 'DNAT', endpoints: [], masquerade: undefined, unknown: [], ...expected },
  sourcePort: undefined,
  repeat: undefined,
  sameEndpoint: false,
  sameAs: '',
  within: 0,
  ...more,
})
const hit = (local: string, client = POD, localPort = 8080): Result => {
  return { verdict: 'answered', name: local, client, clientPort: 1, local, localPort, at: 0, ms: 1 }
}
const refused: Result = { verdict: 'refused', at: 0, ms: 1 }
const silent: Result = { verdict: 'timeout', at: 0, ms: 1 }
const broken: Result = { verdict: 'error', code: 'EHOSTUNREACH', at: 0, ms: 1 }
const times = (count: number, ...results: Result[]) => results.flatMap((one) => new Array<Result>(count).fill(one))
const passes = (of: Probe, results: Result[], endpoint = '') =>
  judge(of, results, { nodeAddresses: NODE, endpoint }).passed

const A = '10.180.0.1'
const B = '10.180.2.1'
const two = probe({ endpoints: [`${A}:8080`, `${B}:8080`] })

test('every endpoint must be hit, and no other', () => {
  expect(passes(two, times(20, hit(A), hit(B)))).toBe(true)
  expect(passes(two, times(40, hit(A)))).toBe(false)
  expect(passes(two, [...times(20, hit(A), hit(B)), hit('10.180.2.9')])).toBe(false)
  expect(passes(two, [...times(20, hit(A), hit(B)), hit(A, POD, 8081)])).toBe(false)
})

test('one connection that fails is enough', () => {
  for (const bad of [refused, silent, broken, hit(VIP, POD, 80)]) {
    expect(passes(two, [...times(20, hit(A), hit(B)), bad])).toBe(false)
  }
})

test('the spread must be fair', () => {
  expect(passes(two, [...times(90, hit(A)), ...times(10, hit(B))])).toBe(false)
})

test('the source must be kept, or one of the node, as the probe says', () => {
  const kept = probe({ endpoints: [`${A}:8080`], masquerade: false })
  const masqueraded = probe({ endpoints: [`${A}:8080`], masquerade: true })
  expect([passes(kept, [hit(A)]), passes(masqueraded, [hit(A)])]).toEqual([true, false])
  expect([passes(kept, [hit(A, '198.18.0.1')]), passes(masqueraded, [hit(A, '198.18.0.1')])]).toEqual([false, true])
  expect([passes(kept, [hit(A, '9.9.9.9')]), passes(masqueraded, [hit(A, '9.9.9.9')])]).toEqual([false, false])
})

test('the other verdicts are told apart', () => {
  const seen = { REJECT: refused, DROP: silent, PASS: hit(VIP, POD, 80) }
  for (const verdict of ['REJECT', 'DROP', 'PASS'] as const) {
    for (const [name, result] of Object.entries(seen))
      expect(passes(probe({ verdict }), [result])).toBe(name === verdict)
    expect(passes(probe({ verdict }), [broken])).toBe(false)
  }
  expect(passes(probe({ verdict: 'PASS' }), [hit(VIP, '198.18.0.1', 80)])).toBe(false)
})

test('with affinity one endpoint of the set is hit, and the one from before when there is one', () => {
  const sticky = { ...two, sameEndpoint: true }
  expect(passes(sticky, times(20, hit(A)))).toBe(true)
  expect(passes(sticky, times(20, hit(A), hit(B)))).toBe(false)
  expect(passes(sticky, times(20, hit('10.180.2.9')))).toBe(false)
  expect([passes(sticky, [hit(A)], `${A}:8080`), passes(sticky, [hit(A)], `${B}:8080`)]).toEqual([true, false])
  const gone = '10.180.2.9:8080'
  expect([passes(sticky, [hit(A), hit(A)], gone), passes(sticky, [hit(A), hit(B)], gone)]).toEqual([true, false])
})

test('an expectation that nobody knows fails', () => {
  expect(passes(probe({ verdict: 'DROP', unknown: ['mark'] }), [silent])).toBe(false)
})
