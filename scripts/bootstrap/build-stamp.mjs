import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { entries, libraryEntries } from './entries.mjs'

/** Everything that the bundles are made of or made by. */
const inputs = [
  'src',
  'proto',
  'scripts/build.mjs',
  'scripts/bootstrap/entries.mjs',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.library.json',
]
const stamp = 'dist/.stamp'

/** Says whether dist was made from the sources as they are now; by content, since clones and checkouts reset times. */
export function buildIsFresh(root) {
  const stampFile = path.join(root, stamp)
  if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== hash(root)) return false
  return [...entries, ...libraryEntries].every(
    ({ from, to }) => existsSync(path.join(root, to)) || !existsSync(path.join(root, from)),
  )
}

/** Call before the build; call what it returns after: a source that was edited meanwhile then makes the build stale. */
export function recordBuild(root) {
  const seen = hash(root)
  return () => {
    mkdirSync(path.join(root, 'dist'), { recursive: true })
    writeFileSync(path.join(root, stamp), seen)
  }
}

function hash(root) {
  const sum = createHash('sha256')
  for (const input of inputs) {
    for (const file of filesUnder(root, input)) {
      sum.update(`${file}\0`)
      sum.update(
        createHash('sha256')
          .update(readFileSync(path.join(root, file)))
          .digest(),
      )
    }
  }
  return sum.digest('hex')
}

function filesUnder(root, relative) {
  const absolute = path.join(root, relative)
  if (!existsSync(absolute)) return []
  if (!statSync(absolute).isDirectory()) return [relative]
  return readdirSync(absolute)
    .sort()
    .flatMap((name) => filesUnder(root, path.join(relative, name)))
}
