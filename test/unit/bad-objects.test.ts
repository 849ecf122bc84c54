import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { familyOf, parseCidr, parseIp } from '../../src/model/ip.ts'
import type { ClusterObject } from '../../src/model/object.ts'
import { type ParseResult, parseObject, skippedKindProblems } from '../../src/model/parse/object.ts'
import { readDocuments } from '../../src/sources/file/read-documents.ts'
import { DEFAULT_LIMITS } from '../../src/sources/file/unit.ts'
import { arbitraryDamage, blockYaml } from '../property/damage.ts'
import { FULL_OBJECTS, JSON_VALUES, type Path, pathsIn, pathText, replaced, watched } from '../property/mutations.ts'
import { patience, runs } from '../property/runs.ts'
import type { Manifest } from '../sluice/manifests.ts'

const HEALTHY: Manifest = { ...FULL_OBJECTS.Service, metadata: { name: 'healthy', namespace: 'quiet' } }
const HEALTHY_TEXT = JSON.stringify(parseObject(HEALTHY, '').objects[0])
const isHealthy = (object: ClusterObject) => JSON.stringify(object) === HEALTHY_TEXT

/** Parses an object between two healthy ones, which must come out whole. @returns what it gave itself. */
function parseAmongHealthy(object: unknown): ParseResult {
  const result = parseObject({ apiVersion: 'v1', kind: 'List', items: [HEALTHY, object, HEALTHY] }, 'f:1')
  const others = result.objects.filter((each) => !isHealthy(each))
  expect(result.objects.length - others.length).toBe(2)
  expectUsable(others)
  for (const { object: named, message, origin } of result.problems) {
    expect(named).not.toBe('Service quiet/healthy')
    expect(origin).toBe('f:1')
    expect(message.length).toBeLessThan(400)
  }
  return { ...result, objects: others }
}

/** What a parsed object says of itself: addresses are canonical, and ports in range. */
function expectUsable(objects: readonly ClusterObject[]): void {
  const isPort = (port: number) => Number.isInteger(port) && port >= 0 && port <= 65_535
  for (const object of objects) {
    const { value } = object
    const names = 'namespace' in value ? [value.name, value.namespace] : [value.name]
    for (const name of names) expect(name).toMatch(/^[\w.-]{1,253}$/)
    if (object.kind === 'Service') {
      const { clusterIPs, externalIPs, loadBalancerIPs, loadBalancerSourceRanges, ports } = object.value
      for (const ip of [...clusterIPs, ...externalIPs, ...loadBalancerIPs]) expect(parseIp(ip)).toBe(ip)
      for (const range of loadBalancerSourceRanges) expect(parseCidr(range)).toBe(range)
      expect(new Set(clusterIPs.map(familyOf)).size).toBe(clusterIPs.length)
      expect(ports.every(({ port, nodePort }) => port > 0 && isPort(port) && isPort(nodePort))).toBe(true)
      expect(new Set(ports.map(({ name }) => name)).size).toBe(ports.length)
    }
    if (object.kind === 'EndpointSlice') {
      const { endpoints, family, ports } = object.value
      expect(ports.every(({ port }) => port > 0 && isPort(port))).toBe(true)
      for (const { address } of endpoints) expect([parseIp(address), familyOf(address)]).toEqual([address, family])
    }
  }
}

function jsonType(value: unknown): string {
  return Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value
}

/** Not looked at when `podCIDRs` has an entry. */
const UNUSED = 'spec.podCIDR'
/** As good as absent to Kubernetes, too. */
const ABSENT = new Set<unknown>(['spec.ports[0].targetPort 0', 'spec.ports[1].targetPort ""'])

describe('every field with every type', () => {
  test.each(Object.entries(FULL_OBJECTS))('%s', (_, object) => {
    const read = new Set<string>()
    const whole = parseObject(
      watched(object, (path) => read.add(pathText(path))),
      '',
    )
    expect(whole.problems).toEqual([])
    expect(read.size).toBeGreaterThan(20)
    const untold: string[] = []
    for (const path of pathsIn(object)) {
      const field = pathText(path)
      for (const value of JSON_VALUES) {
        const result = parseAmongHealthy(replaced(object, path, value))
        const isWrongType = jsonType(value) !== jsonType(valueAt(object, path))
        const what = `${field} ${JSON.stringify(value)}`
        if (!isWrongType || !read.has(field) || field === UNUSED || ABSENT.has(what)) continue
        if (!isTold(result, field)) untold.push(what)
      }
    }
    expect(untold).toEqual([])
  })
})

function valueAt(object: unknown, path: Path): unknown {
  return path.reduce((at, key) => (at as Record<string, unknown>)[key], object)
}

/** The field, or what is in it, is named with what is accepted. */
function isTold({ problems, skippedKinds }: ParseResult, field: string): boolean {
  if (problems.some((problem) => problem.field.startsWith(field) && problem.message.includes('accepted: '))) return true
  return field === 'kind' || field === 'apiVersion' ? skippedKindProblems(skippedKinds, '').length > 0 : false
}

test(
  'arbitrary JSON',
  () => {
    const object = fc.oneof(
      fc.jsonValue(),
      fc.record({ apiVersion: fc.constant('v1'), kind: fc.constantFrom('Service', 'Node', 'Endpoints', 'List') }, {}),
      fc
        .tuple(fc.constantFrom(...Object.values(FULL_OBJECTS)), fc.jsonValue(), fc.jsonValue())
        .map(([full, spec, status]) => ({ ...full, spec, status, endpoints: spec, ports: status })),
    )
    fc.assert(
      fc.property(object, (value) => {
        const { problems, failed } = parseAmongHealthy(value)
        expect(failed).toHaveLength(problems.filter(({ severity }) => severity === 'error').length)
      }),
      runs(1000),
    )
  },
  patience(1000),
)

test.each(Object.entries(FULL_OBJECTS))(
  'several bad values in a %s',
  (_, full) => {
    const where = fc.constantFrom(...pathsIn(full))
    const value = fc.oneof(fc.constantFrom(...JSON_VALUES), fc.jsonValue())
    fc.assert(
      fc.property(fc.array(fc.tuple(where, value), { minLength: 1, maxLength: 5 }), (mutations) => {
        let object: unknown = full
        for (const [path, by] of mutations) if (hasPath(object, path)) object = replaced(object, path, by)
        parseAmongHealthy(object)
      }),
      runs(500),
    )
  },
  patience(1000),
)

/** An earlier value may have taken the way to it. */
function hasPath(object: unknown, path: Path): boolean {
  let at = object
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return false
    at = (at as Record<string, unknown>)[key]
  }
  return true
}

test(
  'text that was damaged harms no other document of its file',
  () => {
    fc.assert(
      fc.property(arbitraryDamage(Object.values(FULL_OBJECTS)), (damaged) => {
        const file = [blockYaml(HEALTHY), damaged, JSON.stringify(HEALTHY)].join('\n---\n')
        const units = [...readDocuments([Buffer.from(file)], new Set(), DEFAULT_LIMITS)]
        const objects = units.flatMap(({ content }) => content?.objects ?? [])
        expect(objects.filter(isHealthy)).toHaveLength(2)
        expectUsable(objects)
      }),
      runs(500),
    )
  },
  patience(2000),
)
