import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DocumentSplitter } from './document.ts'

function split(text: string | Buffer, chunk = 1 << 20, max = 1 << 20): string[] {
  const splitter = new DocumentSplitter(max)
  const bytes = Buffer.from(text)
  const told: string[] = []
  const tell = (documents: ReturnType<DocumentSplitter['push']>): void => {
    for (const { line, bytes, tooLarge } of documents) told.push(`${line} ${tooLarge ? 'too large' : bytes.toString()}`)
  }
  for (let at = 0; at < bytes.length; at += chunk) tell(splitter.push(bytes.subarray(at, at + chunk)))
  tell(splitter.end())
  return told
}

describe('documents and the line at which each begins', () => {
  const cases: [name: string, text: string, documents: string[]][] = [
    ['nothing', '', []],
    ['blank', '\n \n# comment\n---\n\n', []],
    ['one', 'a: 1\n', ['1 a: 1\n']],
    ['one without line feed', 'a: 1', ['1 a: 1']],
    ['two', 'a: 1\n---\nb: 2\n', ['1 a: 1\n', '3 b: 2\n']],
    ['separator first and last', '---\na: 1\n---\n', ['2 a: 1\n']],
    ['separator at the very end', 'a: 1\n---', ['1 a: 1\n']],
    ['many separators', '---\n---\na: 1\n---\n---\nb: 2', ['3 a: 1\n', '6 b: 2']],
    ['comments and blank lines before', '# x\n\n  # y\na: 1 # z\n---\n\nb: 2\n', ['4 a: 1 # z\n', '7 b: 2\n']],
    ['text behind the dashes', '--- {a: 1}\n--- # comment\nb: 2\n', ['1  {a: 1}\n', '3 b: 2\n']],
    ['dots end a document', 'a: 1\n...\n---\nb: 2\n...\n', ['1 a: 1\n', '4 b: 2\n']],
    ['directives', '%YAML 1.1\n---\na: 1\n', ['3 a: 1\n']],
    ['carriage returns', 'a: 1\r\n---\r\nb: 2\r\n', ['1 a: 1\r\n', '3 b: 2\r\n']],
    ['no separator', 'a: |\n  ---\n  ...\nb: ---\n----: 1\n--- x', ['1 a: |\n  ---\n  ...\nb: ---\n----: 1\n', '6  x']],
    ['byte order mark', '\ufeffa: 1\n---\nb: 2', ['1 a: 1\n', '3 b: 2']],
    ['byte order mark before a separator', '\ufeff---\na: 1\n', ['2 a: 1\n']],
  ]
  test.each(cases)('%s', (_, text, documents) => {
    expect(split(text)).toEqual(documents)
    for (let chunk = 4; chunk < 12; chunk++) expect(split(text, chunk)).toEqual(documents)
  })
})

test('the chunks do not matter', () => {
  const line = fc.constantFrom('---', '...', '--- x', '# c', '', 'a: 1', '  b', '----', '--', '%Y')
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.integer({ min: 1, max: 20 }), (lines, chunk) => {
      expect(split(lines.join('\n'), chunk)).toEqual(split(lines.join('\n')))
    }),
  )
})

test('a document that is too large is left out, the others are not', () => {
  const text = `a: 1\n---\n# big\n${'b: 2\n'.repeat(100)}---\nc: 3\n`
  for (const chunk of [3, 50, 100, 1 << 20]) {
    const [first, second, ...rest] = split(text, chunk, 100)
    expect(first).toBe('1 a: 1\n')
    expect(second).toBe('4 too large')
    expect(rest).toEqual(['105 c: 3\n'])
  }
})
