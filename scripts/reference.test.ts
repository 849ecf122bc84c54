import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { EXIT } from '../src/cli/exit-codes.ts'
import { EVENT_REASONS } from '../src/cli/problem-events.ts'
import { METRICS } from '../src/observe/metric-table.ts'
import { REFERENCE_PAGES } from './reference.ts'

const page = (name: string) => readFileSync(new URL(`../docs/reference/${name}.md`, import.meta.url), 'utf8')

test.each(Object.entries(REFERENCE_PAGES))(
  'docs/reference/%s is what `node scripts/reference.ts` writes',
  (name, text) => {
    expect(page(name.replace(/[.]md$/, ''))).toBe(text())
  },
)

test('the alerts of docs/reference/metrics.md are YAML and use metrics that there are', () => {
  const [, rules = ''] = /```yaml\n(groups:[^]*?)```/.exec(page('metrics')) ?? []
  const { groups } = parse(rules) as { groups: { rules: { alert: string; expr: string }[] }[] }
  const expressions = groups.flatMap(({ rules: all }) => all.map(({ expr }) => expr))
  const used = expressions.flatMap((expr) => expr.match(/\b(?:kubeproxy|sluice|rest_client)_\w+/g) ?? [])
  expect(expressions.length).toBeGreaterThan(4)
  for (const name of used) expect(Object.keys(METRICS)).toContain(name.replace(/_(?:bucket|sum|count)$/, ''))
})

test('docs/reference/events.md has every reason, and no other', () => {
  const documented = [...page('events').matchAll(/^\| `(\w+)` \|/gm)].map(([, reason]) => reason)
  expect(documented.sort()).toEqual([...EVENT_REASONS].sort())
})

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
