import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { EXIT } from '../src/cli/exit-codes.ts'
import { REFERENCE_PAGES } from './reference.ts'

const page = (name: string) => readFileSync(new URL(`../docs/reference/${name}.md`, import.meta.url), 'utf8')

test.each(Object.entries(REFERENCE_PAGES))(
  'docs/reference/%s is what `node scripts/reference.ts` writes',
  (name, text) => {
    expect(page(name.replace(/[.]md$/, ''))).toBe(text())
  },
)

test('docs/reference/exit-codes.md has every exit code', () => {
  const rows = [...page('exit-codes').matchAll(/^\| (\d+) \| (\w+) \|/gm)].map(([, code, name]) => [name, Number(code)])
  expect(Object.fromEntries(rows)).toEqual(EXIT)
})

test('docs/reference/errors.md has every error code of the sources, and no other', () => {
  const root = new URL('..', import.meta.url)
  const codes = globSync('src/**/*.ts', { cwd: root, exclude: (name) => name.endsWith('.test.ts') }).flatMap((file) => {
    const text = readFileSync(new URL(file, root), 'utf8')
    return [...text.matchAll(/^export type \w+ErrorCode =([^/]*?)\n(?:\n|$)/gm)].flatMap(([, union = '']) =>
      [...union.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code),
    )
  })
  const documented = [...page('errors').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code)
  expect(codes.length).toBeGreaterThan(10)
  expect(documented.sort()).toEqual(codes.sort())
})
