// Bundles the entries into dist. Started by bootstrap.mjs, which knows when that is needed.
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { entries } from './bootstrap/entries.mjs'

// CommonJS dependencies, once inside an ES module, still call require() for Node's own modules.
const requireForCommonJs = `import { createRequire as __createRequire } from 'node:module'
const require = __createRequire(import.meta.url)`

const present = entries.filter(({ from }) => existsSync(from))
for (const { from } of entries) {
  if (!existsSync(from)) console.error(`build: ${from} does not exist, so there is no bundle of it`)
}

for (const { from, to } of present) {
  const started = performance.now()
  const { outputFiles } = await build({
    entryPoints: [from],
    outfile: to,
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
  }).catch(() => process.exit(1))
  for (const file of outputFiles) writeWhole(file.path, file.contents)
  console.error(`build: ${from} -> ${to} in ${Math.round(performance.now() - started)} ms`)
}

/** A Sluice that starts at this moment reads the old file or the new one, never half of one. */
function writeWhole(file, contents) {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, contents)
  renameSync(`${file}.new`, file)
}
