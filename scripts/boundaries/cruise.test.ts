import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cruise, cruise } from './cruise.ts'

/** Imports that the house allows: from, to. */
const allowed = [
  ['cli', 'sources/kube'],
  ['cli', 'kernel/nftables'],
  ['sources/kube', 'store'],
  ['sources/kube', 'model'],
  ['sources/kube', 'observe'],
  ['sinks/nft', 'virtual-server'],
  ['sinks/nft', 'model'],
  ['sinks/nft', 'kernel/nftables'],
  ['sinks/nft', 'observe'],
  ['sinks/nft', 'sinks'],
  ['sinks/nft', 'sink'],
  ['client', 'sink'],
  ['client', 'sources/api'],
  ['client', 'grpc'],
  ['sink', 'model'],
  ['sink', 'observe'],
  ['node', 'store'],
  ['node', 'model'],
  ['virtual-server', 'model'],
  ['store', 'model'],
  ['kernel/nftables', 'kernel/netlink'],
  ['kernel/nftables', 'kernel/libc'],
  ['kernel/route', 'kernel/netlink'],
  ['kernel/conntrack', 'kernel/netlink'],
  ['kernel/sysctl', 'kernel/libc'],
  ['kernel/netlink', 'kernel/libc'],
] as const

/** Imports that it forbids: from, to, and the rule that says so. */
const forbidden = [
  ['sources/kube', 'node', 'sources-imports'],
  ['sources/kube', 'kernel/netlink', 'sources-imports'],
  ['sources/kube', 'sinks/nft', 'sources-imports'],
  ['sources/kube', 'cli', 'sources-imports'],
  ['sinks/nft', 'store', 'sinks-imports'],
  ['sinks/nft', 'node', 'sinks-imports'],
  ['sinks/nft', 'sources/kube', 'sinks-imports'],
  ['sinks/nft', 'sinks/ipvs', 'sinks-stand-alone'],
  ['client', 'store', 'client-imports'],
  ['client', 'sinks/nft', 'client-imports'],
  ['sink', 'client', 'sink-imports'],
  ['sink', 'sinks/nft', 'sink-imports'],
  ['sink', 'virtual-server', 'sink-imports'],
  ['node', 'virtual-server', 'node-imports'],
  ['node', 'kernel/netlink', 'node-imports'],
  ['node', 'observe', 'node-imports'],
  ['virtual-server', 'node', 'virtual-server-imports'],
  ['virtual-server', 'store', 'virtual-server-imports'],
  ['store', 'node', 'store-imports'],
  ['store', 'observe', 'store-imports'],
  ['kernel/nftables', 'model', 'kernel-imports'],
  ['kernel/nftables', 'observe', 'kernel-imports'],
  ['observe', 'model', 'observe-imports'],
  ['model', 'store', 'model-imports'],
  ['kernel/nftables', 'kernel/conntrack', 'kernel-door-imports'],
  ['kernel/route', 'kernel/nftables', 'kernel-door-imports'],
  ['kernel/netlink', 'kernel/nftables', 'kernel-netlink-imports'],
  ['kernel/libc', 'kernel/netlink', 'kernel-libc-imports'],
  ['cli', 'unheard-of', 'known-folders'],
] as const

let folder = ''
let result: Cruise

/** Every import is in a module of its own, named after where it leads, so that no two of them make a cycle. */
function importer(from: string, to: string): string {
  return `src/${from}/to-${to.replaceAll('/', '-')}.ts`
}

function target(to: string): string {
  return `src/${to}/target.ts`
}

async function write(file: string, text: string): Promise<void> {
  const absolute = path.join(folder, file)
  await mkdir(path.dirname(absolute), { recursive: true })
  await writeFile(absolute, text)
}

async function writeImport(from: string, to: string, keyword = 'import type'): Promise<void> {
  await write(to, 'export type Target = number\n')
  const specifier = path.relative(path.dirname(from), to)
  await write(from, `${keyword} { Target } from '${specifier.startsWith('.') ? specifier : `./${specifier}`}'\n`)
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-boundaries-'))
  for (const [from, to] of [...allowed, ...forbidden]) await writeImport(importer(from, to), target(to))
  await writeImport('src/model/product.ts', 'test/helper.ts', 'import')
  await writeImport('src/model/product.test.ts', 'test/helper.ts')
  await writeImport('src/model/script.test.ts', 'scripts/helper.ts')
  await writeImport('src/model/bench.ts', 'bench/helper.ts')
  await writeImport('test/lab/any.test.ts', 'src/kernel/netlink/target.ts')
  await write('package.json', JSON.stringify({ dependencies: { shipped: '1' }, devDependencies: { tool: '1' } }))
  for (const name of ['shipped', 'tool']) {
    await write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }))
    await write(`node_modules/${name}/index.js`, '')
    await write(`src/model/with-${name}.ts`, `import '${name}'\n`)
    await write(`src/model/with-${name}.test.ts`, `import '${name}'\n`)
    await write(`src/model/with-${name}-types.ts`, `import type { Any } from '${name}'\n`)
  }
  await write('src/model/nowhere.ts', `import './missing.ts'\n`)
  await write('src/store/egg.ts', `import './hen.ts'\n`)
  await write('src/store/hen.ts', `import './egg.ts'\n`)
  result = await cruise(folder)
})

afterAll(() => rm(folder, { recursive: true }))

function rulesAgainst(from: string): string[] {
  return result.violations.filter((violation) => violation.from === from).map(({ rule }) => rule.replace(/ .*/, ''))
}

test.each(allowed)('%s may import %s', (from, to) => {
  expect(rulesAgainst(importer(from, to))).toEqual([])
})

test.each(forbidden)('%s must not import %s (%s)', (from, to, rule) => {
  expect(rulesAgainst(importer(from, to))).toEqual([rule])
})

test.each([
  ['src/model/product.ts', ['product-stands-alone']],
  ['src/model/bench.ts', ['product-stands-alone']],
  ['src/model/product.test.ts', []],
  ['src/model/script.test.ts', ['unit-tests-import-test-helpers-only']],
  ['test/lab/any.test.ts', []],
  ['src/model/with-shipped.ts', []],
  ['src/model/with-tool.ts', ['no-development-dependencies']],
  ['src/model/with-tool-types.ts', []],
  ['src/model/with-tool.test.ts', []],
  ['src/model/nowhere.ts', ['resolvable']],
])('%s breaks the rules %j', (from, rules) => {
  expect(rulesAgainst(from)).toEqual(rules)
})

test('a cycle is found', () => {
  expect([...rulesAgainst('src/store/egg.ts'), ...rulesAgainst('src/store/hen.ts')]).toContain('no-cycles')
})

test('the modules of this repository are read', async () => {
  const { modules } = await cruise(path.join(import.meta.dirname, '../..'))
  expect(modules).toBeGreaterThan(0)
}, 30_000)
