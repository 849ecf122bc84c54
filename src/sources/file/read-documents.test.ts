import { describe, expect, test } from 'vitest'
import { readDocuments } from './read-documents.ts'
import { DEFAULT_LIMITS, type ReadLimits, type ReadUnit } from './unit.ts'

function read(text: string | Buffer, known: string[] = [], limits: Partial<ReadLimits> = {}): ReadUnit[] {
  return [...readDocuments([Buffer.from(text)], new Set(known), { ...DEFAULT_LIMITS, ...limits })]
}

/** `LINE names`, or `LINE severity message` for the first problem. */
function told(text: string | Buffer, limits?: Partial<ReadLimits>): string[] {
  return read(text, [], limits).map(({ line, content }) => {
    const [problem] = content?.problems ?? []
    if (problem === undefined) return `${line} ${content?.objects.map(({ value }) => value.name).join(' ')}`
    return `${line + problem.line}${problem.column > 0 ? `:${problem.column}` : ''} ${problem.severity} ${problem.message}`
  })
}

const service = (name: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\nspec:\n  clusterIP: None\n  ports:\n  - port: 80\n`

function item(name: string, indent = ''): string {
  return service(name)
    .trimEnd()
    .split('\n')
    .map((line, i) => `${indent}${i === 0 ? '- ' : '  '}${line}\n`)
    .join('')
}

const json = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { clusterIP: 'None' },
})

describe('units and where they begin', () => {
  const list = (items: string): string =>
    `apiVersion: v1\nitems:\n${items}kind: List\nmetadata:\n  resourceVersion: ""\n`
  const cases: [name: string, text: string, expected: string[]][] = [
    ['documents', `${service('a')}---\n# x\n${service('b')}`, ['1 a', '11 b']],
    ['a List', list(item('a') + item('b')), ['3 a', '11 b']],
    ['a List with indented items', list(item('a', '  ') + item('b', '  ')), ['3 a', '11 b']],
    ['a List with comments and blank lines', list(`# one\n\n${item('a')}\n# two\n${item('b')}`), ['5 a', '15 b']],
    ['a List with its kind first', `kind: List\napiVersion: v1\nitems:\n${item('a')}`, ['4 a']],
    ['an empty List', 'apiVersion: v1\nkind: List\nitems: []\n', ['1 ']],
    ['a List with carriage returns', list(item('a')).replaceAll('\n', '\r\n'), ['3 a']],
    ['a List in flow style', `{apiVersion: v1, kind: List, items: [${JSON.stringify(json('a'))}]}`, ['1 a']],
    [
      'items that are no list',
      'apiVersion: v1\nkind: List\nitems:\n  a: 1\n',
      ['1 error found a mapping; accepted: a list'],
    ],
    ['two Lists', `${list(item('a'))}---\n${list(item('b'))}`, ['3 a', '17 b']],
    ['JSON', JSON.stringify(json('a')), ['1 a']],
    ['JSON with lines', `\n${JSON.stringify(json('a'), null, 2)}\n`, ['2 a']],
    [
      'a JSON List',
      JSON.stringify({ kind: 'List', items: [json('a'), json('b')], apiVersion: 'v1' }, null, 2),
      ['4 a', '14 b'],
    ],
    [
      'a JSON list of one kind',
      JSON.stringify({
        kind: 'ServiceList',
        apiVersion: 'v1',
        items: [{ ...json('a'), kind: undefined, apiVersion: undefined }],
      }),
      ['1 a'],
    ],
    ['an empty JSON List', '{"kind": "List", "apiVersion": "v1", "items": [ ]}', []],
    [
      'JSON strings like brackets',
      JSON.stringify({ kind: 'List', apiVersion: 'v1', items: [{ ...json('a'), x: '"]},\\' }, json('b')] }),
      ['1 a', '1 b'],
    ],
    ['JSON with a comma too many', '{"kind": "List", "apiVersion": "v1", "items": [], }', ['1 ']],
    [
      'KPNG state',
      `nodes:\n- name: node\nservices:\n- service:\n    name: a\n  endpoints: []\n- service:\n    name: b\n`,
      ['2 node', '4 a', '7 b'],
    ],
    ['KPNG state with an empty list', 'nodes: []\nservices:\n- service:\n    name: a\n', ['3 a']],
    ['KPNG state in flow style', 'nodes: [{name: node}]\nservices: [{service: {name: a}}]\n', ['1 node a']],
    ['an unknown kind', 'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: x\n', ['1 ']],
    ['a custom object that has items', 'apiVersion: x/v1\nkind: X\nitems:\n- a\n', ['1 ']],
  ]
  test.each(cases)('%s', (_, text, expected) => {
    expect(told(text)).toEqual(expected)
  })
})

describe('what is wrong harms nothing else', () => {
  const cases: [name: string, text: string | Buffer, expected: (string | RegExp)[], limits?: Partial<ReadLimits>][] = [
    [
      'a document',
      `${service('a')}---\na: 1\nb: [\n---\n${service('b')}`,
      ['1 a', /^12:1 error syntax error: /, '13 b'],
    ],
    [
      'an item',
      `kind: List\napiVersion: v1\nitems:\n${item('a')}- x: 1\n  x: 2\n${item('b')}`,
      ['4 a', '13:3 error syntax error: Map keys must be unique', '14 b'],
    ],
    [
      'an item of a JSON list',
      `{"kind":"List","apiVersion":"v1","items":[${JSON.stringify(json('a'))},\n{"a" "b"}]}`,
      ['1 a', /^2:\d+ error syntax error/],
    ],
    [
      'no UTF-8',
      Buffer.concat([Buffer.from(`${service('a')}---\n`), Buffer.from([0x61, 0xff, 0x0a])]),
      ['1 a', '10 error syntax error: is not UTF-8 text'],
    ],
    ['an object without kind', `${service('a')}---\na: 1\n`, ['1 a', /^10 error found nothing; accepted: text/]],
    [
      'a large document',
      `${service('a')}---\n${'a: 1\n'.repeat(100)}`,
      ['1 a', '10 error a document of more than 0 MiB, the most that is read'],
      { documentBytes: 400 },
    ],
    [
      'a large unit',
      `${service('a')}---\n${'a: 1\n'.repeat(100)}`,
      ['1 a', /^10 error syntax error|^10 error 0 MiB in one piece/],
      { unitBytes: 400 },
    ],
    [
      'YAML that is not plain and large',
      `x: [${'1,'.repeat(200)}]\n`,
      [/one piece; accepted: at most 0 MiB, or a List/],
      { wholeYamlBytes: 100 },
    ],
  ]
  test.each(cases)('%s', (_, text, expected, limits) => {
    const result = told(text, limits)
    expect(result).toHaveLength(expected.length)
    expected.forEach((one, i) => expect(result[i]).toMatch(one))
  })
})

describe('anchors', () => {
  const list = (first: string, second: string): string =>
    `kind: List\napiVersion: v1\nitems:\n- ${first}\n- ${second}\n`

  test('an item may use one of another item', () => {
    const one = '{apiVersion: v1, kind: Service, metadata: {name: a}, spec: &s {clusterIP: None}}'
    expect(told(list(one, '{apiVersion: v1, kind: Service, metadata: {name: b}, spec: *s}'))).toEqual(['1 a b'])
  })

  test('inside an item they need no other item', () => {
    const one = '{apiVersion: v1, kind: &k Service, metadata: {name: a}, spec: {clusterIP: None, type: ClusterIP}}'
    expect(told(list(one, one.replace('name: a', 'name: b')))).toEqual(['4 a', '5 b'])
  })

  test('an alias of nothing', () => {
    expect(told(list('*x', 'a: 1'))).toEqual([
      expect.stringMatching(/^4:3 error syntax error: Unresolved alias/),
      expect.stringMatching(/^5 error found nothing/),
    ])
  })
})

test('units that are known are not read again, wherever they stand', () => {
  const known = read(`${service('a')}---\n${service('b')}`).map(({ digest }) => digest)
  const again = read(`# moved\n${service('b')}---\n${service('c')}---\n${service('a')}`, known)
  expect(again.map(({ line, content }) => [line, content?.objects.length])).toEqual([
    [2, undefined],
    [11, 1],
    [20, undefined],
  ])
})
