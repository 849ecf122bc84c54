import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface LockFile {
  readonly packages: Record<string, { readonly version: string; readonly license?: string }>
}

interface Manifest {
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
  readonly optionalDependencies: Record<string, string>
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'))
}

const manifest = readJson('package.json') as Manifest
const { packages } = readJson('package-lock.json') as LockFile

/** Rows of the tables: | `name` | license | what for | why it |. */
const rows = readFileSync('docs/dependencies.md', 'utf8')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, name]) => name?.startsWith('`'))

const documented = new Map(rows.map(([, name = '', license]) => [name.replaceAll('`', ''), license]))
const named = Object.entries({
  ...manifest.dependencies,
  ...manifest.devDependencies,
  ...manifest.optionalDependencies,
})

test('docs/dependencies.md has one line for each dependency, and no other', () => {
  expect([...documented.keys()].sort()).toEqual(named.map(([name]) => name).sort())
})

test.each(named)('%s has its license in docs/dependencies.md', (name) => {
  expect(documented.get(name)).toBe(packages[`node_modules/${name}`]?.license)
})

test.each(named)('%s is pinned to one version, %s', (name, version) => {
  expect(version).toBe(packages[`node_modules/${name}`]?.version)
})
