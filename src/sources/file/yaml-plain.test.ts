import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { parseYaml } from './yaml.ts'
import { parsePlainYaml } from './yaml-plain.ts'

const SERVICE = `# a comment
apiVersion: v1
kind: Service
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"v1","kind":"Service"}

      second line
    note: 'it''s'
    path: "a\\tb"
  creationTimestamp: "2026-01-01T10:00:00Z"
  labels: {}
  name: web
spec:
  clusterIP: 10.96.0.1
  clusterIPs:
  - 10.96.0.1
  - fd00::1
  ports:
    - name: http
      port: 80

      targetPort: 0x50
    - port: 0644
      name: on
  externalName:
  sessionAffinity: None
status:
  loadBalancer: {}
`

test('what kubectl writes is plain, and read as the library reads it', () => {
  expect(parsePlainYaml(SERVICE)).toEqual(parseYaml(SERVICE))
  expect(parsePlainYaml(SERVICE)).toMatchObject({
    metadata: { labels: {}, annotations: { note: "it's", path: 'a\tb' } },
    spec: {
      clusterIPs: ['10.96.0.1', 'fd00::1'],
      externalName: null,
      ports: [{ targetPort: 80 }, { port: 420, name: true }],
    },
  })
})

describe('what is left to the library', () => {
  test.each([
    ['a flow mapping', 'a: {b: 1}\n'],
    ['an anchor', 'a: &x 1\n'],
    ['an alias', 'a: *x\n'],
    ['a tag', 'a: !!str 1\n'],
    ['a comment behind a value', 'a: 1 # one\n'],
    ['a comment behind a key', 'a: # one\n  b: 1\n'],
    ['a scalar on two lines', 'a: b\n  c\n'],
    ['a quoted scalar on two lines', 'a: "b\n  c"\n'],
    ['a folded text', 'a: >\n  b\n'],
    ['a duplicate key', 'a: 1\na: 2\n'],
    ['a merge key', '<<: 1\n'],
    ['a key that is no text', 'y: 1\n'],
    ['a key that starts with a digit', '80: 1\n'],
    ['a prototype', '__proto__: 1\n'],
    ['a tab', 'a:\t1\n'],
    ['no ASCII', 'a: ü\n'],
    ['a bad indent', 'a:\n  b: 1\n c: 2\n'],
    ['a scalar', 'a\n'],
    ['a list in a list', '- - 1\n'],
    ['a colon in a scalar', 'a: b: c\n'],
    ['an open text', 'a: |\n  b'],
  ])('%s', (_, text) => {
    expect(parsePlainYaml(text)).toBe(undefined)
  })
})

/** Whatever the plain reader reads, the library reads alike. */
function expectAgreement(text: string): void {
  const plain = parsePlainYaml(text)
  if (plain === undefined) return
  let full: unknown
  try {
    full = parseYaml(text)
  } catch (error) {
    expect.fail(`read as ${JSON.stringify(plain)}, but ${String(error)}\n${text}`)
  }
  expect(plain, text).toEqual(full)
}

describe('agreement with the library', { timeout: 60_000 }, () => {
  test('on what the library writes', () => {
    const scalar = fc.oneof(
      fc.constantFrom(
        '',
        'yes',
        'null',
        '~',
        '12:30',
        '0644',
        '1e3',
        '- a',
        'a: b',
        '#',
        'a #b',
        "it's",
        '"',
        '\\',
        '|',
        '2026-01-01',
        '::1',
        'a\nb\n',
        '\n',
        ' a',
        '-',
        '---',
        '?',
        '%a',
        '@',
        '`',
        '[',
        'a]',
        '{}',
      ),
      fc.string({ maxLength: 12 }),
      fc.string({
        unit: fc.constantFrom('a', 'b', ':', '#', ' ', '-', '.', '\n', "'", '"', '|', '>', '1'),
        maxLength: 12,
      }),
      fc.integer(),
      fc.double({ noNaN: true }),
      fc.boolean(),
      fc.constant(null),
    )
    const key = fc.oneof(
      fc.constantFrom('a', 'name', 'app.kubernetes.io/name', 'y', 'on', '1', 'a b', ''),
      fc.string({ maxLength: 4 }),
    )
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        scalar,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(key, tie('value'), { maxKeys: 4 }),
      ),
    }))
    const options = fc.record({
      indentSeq: fc.boolean(),
      indent: fc.constantFrom(2, 4),
      lineWidth: fc.constantFrom(0, 20),
    })
    fc.assert(
      fc.property(value, options, (data, { indentSeq, indent, lineWidth }) => {
        expectAgreement(stringify(data, { version: '1.1', indentSeq, indent, lineWidth }))
      }),
      { numRuns: 3000 },
    )
  })

  test('on kubectl output with edits', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ' ',
        '  ',
        '\n',
        ':',
        ': ',
        '- ',
        '-',
        '#',
        ' #',
        '"',
        "'",
        '|',
        '|-',
        '>',
        '{}',
        '[',
        '&a',
        '*a',
        '!',
        '?',
        '? ',
        '~',
        '\t',
        ',',
        '0',
        '0o7',
        'yes',
        '...',
        '%',
        '\n\n',
        '\n  ',
        '\n      ',
      ),
      fc.string({ maxLength: 3 }),
    )
    const edit = fc.record({ at: fc.nat(SERVICE.length), remove: fc.nat(4), insert: piece })
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const text = edits.reduce(
          (all, { at, remove, insert }) => all.slice(0, at) + insert + all.slice(at + remove),
          SERVICE,
        )
        // Documents have been split before; a separator cannot be in one.
        if (!/^(?:---|\.\.\.)/m.test(text)) expectAgreement(text)
      }),
      { numRuns: 6000 },
    )
  })
})
