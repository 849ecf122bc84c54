import { describe, expect, test } from 'vitest'
import { parseYaml, SyntaxProblem } from './yaml.ts'

describe('scalars as kubectl reads them', () => {
  const cases: [text: string, value: unknown][] = [
    ['yes', true],
    ['On', true],
    ['y', true],
    ['TRUE', true],
    ['no', false],
    ['off', false],
    ['N', false],
    ['False', false],
    ['yesterday', 'yesterday'],
    ['~', null],
    ['', null],
    ['null', null],
    ['80', 80],
    ['+80', 80],
    ['-1', -1],
    ['1_000', 1000],
    ['0', 0],
    ['0644', 420],
    ['0o644', 420],
    ['-0o17', -15],
    ['0x1F', 31],
    ['0b101', 5],
    ['089', 89],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['1e3', 1000],
    ['1.', 1],
    ['.inf', Number.POSITIVE_INFINITY],
    ['-.Inf', Number.NEGATIVE_INFINITY],
    ['.nan', Number.NaN],
    ['12:30', '12:30'],
    ['12:30:45', '12:30:45'],
    ['2026-01-01', '2026-01-01'],
    ['2026-01-01T10:00:00Z', '2026-01-01T10:00:00Z'],
    ['10.96.0.1', '10.96.0.1'],
    ['10.96.0.0/12', '10.96.0.0/12'],
    ['fd00::1', 'fd00::1'],
    ['1.2.3', '1.2.3'],
    ['"80"', '80'],
    ["'yes'", 'yes'],
    ['!!str 80', '80'],
    ['!!int "80"', 80],
    ['!!binary aGk=', 'hi'],
    ['=', '='],
    ['x', 'x'],
  ]
  test.each(cases)('%s', (text, value) => {
    expect(parseYaml(`a: ${text}\n`)).toEqual({ a: value })
    expect(parseYaml(`%YAML 1.2\n---\na: ${text}\n`)).toEqual({ a: value })
  })
})

test('merge keys, anchors and aliases', () => {
  const text = 'base: &b {x: 1, w: 2}\nitem:\n  <<: *b\n  w: 3\nboth:\n  <<: [*b, {z: 4}]\nlist: [&n 5, *n]\n'
  expect(parseYaml(text)).toEqual({
    base: { x: 1, w: 2 },
    item: { x: 1, w: 3 },
    both: { x: 1, w: 2, z: 4 },
    list: [5, 5],
  })
})

test('a key of a prototype is a key', () => {
  const value = parseYaml('__proto__: {a: 1}\nconstructor: 2\n') as object
  expect(Object.keys(value)).toEqual(['__proto__', 'constructor'])
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
})

test('keys that are no text become text', () => {
  expect(parseYaml('80: a\ntrue: b\n')).toEqual({ '80': 'a', true: 'b' })
})

describe('what is no YAML', () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x,x]',
    ...'bcdefgh'.split('').map((c, i) => `${c}: &${c} [${`*${'abcdefg'[i]},`.repeat(9)}1]`),
  ]
  const cases: [name: string, text: string, message: RegExp, line: number, column: number][] = [
    ['a duplicate key', 'a: 1\nb: 2\na: 3\n', /Map keys must be unique/, 2, 1],
    ['a bad indent', 'a:\n  b: 1\n c: 2\n', /./, 2, 1],
    ['an open list', 'a: [1, 2\n', /./, 1, 1],
    ['a tab', 'a:\n\tb: 1\n', /./, 1, 1],
    ['an unknown alias', 'a: 1\nb: *x\n', /Unresolved alias/, 1, 4],
    ['an alias bomb', bomb.join('\n'), /Excessive alias count/, 0, 1],
    ['very deep', '['.repeat(100_000), /./, 0, 1],
  ]
  test.each(cases)('%s', (_, text, message, line, column) => {
    let thrown: unknown
    try {
      parseYaml(text)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(SyntaxProblem)
    expect((thrown as SyntaxProblem).message).toMatch(message)
    expect((thrown as SyntaxProblem).line).toBe(line)
    if (column > 1) expect((thrown as SyntaxProblem).column).toBe(column)
  })
})
