// Bundles the entries into dist. Started by bootstrap.mjs, which knows when that is needed.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { entries, libraryEntries } from './bootstrap/entries.mjs'

// CommonJS dependencies, once inside an ES module, still call require() for Node's own modules.
const requireForCommonJs = `import { createRequire as __createRequire } from 'node:module'
const require = __createRequire(import.meta.url)`

const shared = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  // koffi finds its native library beside itself.
  external: ['koffi'],
  banner: { js: requireForCommonJs },
  keepNames: true,
  sourcemap: true,
  logLevel: 'warning',
  write: false,
}

const present = entries.filter(({ from }) => existsSync(from))
for (const { from } of entries) {
  if (!existsSync(from)) console.error(`build: ${from} does not exist, so there is no bundle of it`)
}

for (const { from, to } of present) {
  const started = performance.now()
  const { outputFiles } = await build({
    ...shared,
    entryPoints: [from],
    outfile: to,
  }).catch(() => process.exit(1))
  for (const file of outputFiles) writeWhole(file.path, file.contents)
  console.error(`build: ${from} -> ${to} in ${Math.round(performance.now() - started)} ms`)
}

await buildLibrary()

/** The modules that other programs import, and their types. */
async function buildLibrary() {
  const started = performance.now()
  const { outputFiles } = await build({
    ...shared,
    entryPoints: Object.fromEntries(libraryEntries.map(({ from, to }) => [path.basename(to, '.js'), from])),
    outdir: 'dist/library',
    splitting: true,
  }).catch(() => process.exit(1))
  for (const file of outputFiles) writeWhole(file.path, file.contents)
  const typescript = ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.library.json']
  const { status } = spawnSync(process.execPath, typescript, { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
  console.error(`build: the library in ${Math.round(performance.now() - started)} ms`)
}

/** A Sluice that starts at this moment reads the old file or the new one, never half of one. */
function writeWhole(file, contents) {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, contents)
  renameSync(`${file}.new`, file)
}
