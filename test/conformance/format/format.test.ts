import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { filterCases } from '../filter.ts'
import { readStep, STEP_KINDS } from '../steps/index.ts'
import type { Probe } from './case.ts'
import { ENV_FIELDS } from './env.ts'
import { loadCases } from './load.ts'

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-cases-'))
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

function load(file: unknown) {
  const name = path.join(folder, 'cases.json')
  writeFileSync(name, JSON.stringify(file))
  return loadCases(name, readStep)
}

const extended = (...cases: unknown[]) => ({ format: 'sluice-conformance/1', cases })
const probe = { source: '10.0.0.2', destination: '010.1.2.3', port: 80, protocol: 'TCP', expect: { verdict: 'DROP' } }

test("a file with other scenarios, environments and sections of kube-proxy's facts is read", () => {
  const { cases, sections } = load({
    format: 'kube-proxy-packet-flow/1',
    defaultEnv: { nodeName: 'n', nodeIPs: ['192.0.2.1'], masqueradeAll: null, detectLocal: null },
    scenarios: [{ id: 'one', env: { mode: 'ipvs' }, services: [], probes: [{ ...probe, id: 'p-1' }, probe] }, {}],
    somethingNew: [1],
  })
  expect(cases.map(({ id, env }) => [id, env.mode, env.nodeName, env.detectLocal])).toEqual([
    ['one', 'ipvs', 'n', undefined],
    ['cases-2', '', 'n', undefined],
  ])
  const probes = cases[0]?.steps[1]?.value as Probe[]
  expect(probes.map(({ id, destination }) => [id, destination])).toEqual([
    ['p-1', '10.1.2.3'],
    ['one/2', '10.1.2.3'],
  ])
  expect(sections.map(({ section }) => section)).toEqual(['somethingNew'])
})

test('a client of a Service with affinity is expected to keep its endpoint', () => {
  const spec = { clusterIP: '10.1.2.3', sessionAffinity: 'ClientIP', ports: [{ port: 80, nodePort: 3000 }] }
  const services = [{ metadata: { namespace: 'a', name: 'b' }, spec }]
  const probes = [probe, { ...probe, port: 81 }, { ...probe, destination: '192.0.2.1', port: 3000 }]
  const { cases } = load({ format: 'kube-proxy-packet-flow/1', scenarios: [{ id: 'a', services, probes }] })
  const read = cases[0]?.steps[1]?.value as Probe[]
  expect(read.map(({ sameEndpoint }) => sameEndpoint)).toEqual([true, false, true])
})

test('a case may come later', () => {
  const { cases } = load(extended({ id: 'a', title: 'a', later: 'with the API' }))
  expect(cases.map(({ later, steps }) => [later, steps])).toEqual([['with the API', []]])
})

test.each<[string, unknown, string]>([
  ['no format', {}, 'cases.json: names no format'],
  ['another format', { format: 'x' }, '"x" must be one of'],
  ['a field that is not known', extended({ id: 'a', title: 'a', stepz: [] }), '"stepz" is not known'],
  ['nothing to do', extended({ id: 'a', title: 'a', promises: [1] }), 'must have one of steps'],
  ['declined and later', extended({ id: 'a', title: 'a', declined: 'x', later: 'y' }), 'must have one of steps'],
  ['a step of no kind', extended({ id: 'a', title: 'a', steps: [{ dance: {} }] }), 'there is no step "dance"'],
  [
    'a verdict',
    extended({ id: 'a', title: 'a', steps: [{ probe: { ...probe, expect: { verdict: 'X' } } }] }),
    '"X" must be',
  ],
  ['an environment', extended({ id: 'a', title: 'a', env: { nodes: 1 }, declined: 'x' }), '"nodes" is not known'],
  ['twice', extended(...['a', 'b'].map((title) => ({ id: 'a', title, declined: 'x' }))), 'two cases are called a'],
])('%s is refused', (_, file, message) => {
  expect(() => load(file)).toThrow(message)
})

test('README.md describes every kind of step and every field of an environment', () => {
  const rows = readFileSync(new URL('../README.md', import.meta.url), 'utf8').match(/^\| `.*$/gm) ?? []
  const named = new Set(
    rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name)),
  )
  expect([...STEP_KINDS, ...ENV_FIELDS].filter((name) => !named.has(name))).toEqual([])
})

test('a filter takes ids of cases and of probes', () => {
  const scenarios = ['a', 'b'].map((id) => ({ id, probes: [1, 2].map((n) => ({ ...probe, id: `${id}-${n}` })) }))
  const all = load({ format: 'kube-proxy-packet-flow/1', scenarios })
  const ids = (filter: string) =>
    filterCases(all, filter).cases.map(({ id, steps }) => [id, (steps[1]?.value as Probe[]).map((one) => one.id)])
  expect(ids('a')).toEqual([['a', ['a-1', 'a-2']]])
  expect(ids('*-1')).toEqual([
    ['a', ['a-1']],
    ['b', ['b-1']],
  ])
  expect(() => ids('c')).toThrow('no case and no probe is called "c"')
})
