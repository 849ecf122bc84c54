import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { yamlListItem } from './yaml.ts'

test('it looks as KPNG writes it', () => {
  const value = {
    service: { name: 'web', ips: { v4: ['10.0.0.1'], v6: [] }, no: 'yes', a: undefined },
    list: [[1, []], {}],
  }
  expect(yamlListItem(value)).toBe(`- service:
    name: web
    ips:
      v4:
      - 10.0.0.1
      v6: []
    "no": "yes"
  list:
  - - 1
    - []
  - {}
`)
})

test.each(['1.1', '1.2'] as const)('any data reads back the same as YAML %s', (version) => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[ynYNotrueflsaTRUEFLS~<=.0-9_:eExXob/-]{0,5}$/),
    fc.constantFrom(
      'null',
      'Yes',
      'off',
      '1e3',
      '0x10',
      '0o7',
      '1:20',
      '.inf',
      '.NaN',
      '<<',
      '2026-01-01',
      'a: b',
      '#',
      ' a',
      'a ',
    ),
  )
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.boolean(),
      fc.integer(),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(
        text.filter((key) => key !== '__proto__'),
        tie('value'),
        { maxKeys: 3, noNullPrototype: true },
      ),
    ),
  }))
  fc.assert(
    fc.property(value, (data) => {
      expect(parse(yamlListItem(data), { version, merge: false })).toEqual([data])
    }),
    { numRuns: 500 },
  )
})
