import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { entries } from '../bootstrap/entries.mjs'

const HOME = 'usr/lib/sluice'

/** The flags are those of bin/sluice, which needs a shell. */
const LAUNCHER = `#!/usr/bin/node --max-semi-space-size=4
import './dist/sluice.js'
`

/** Puts the pinned Node below `root`, unchanged, as /usr/bin/node. @throws Error when it is not installed. */
export function addNode(root: string): void {
  const source = path.join('node_modules', `node-linux-${process.arch}`)
  if (!existsSync(source)) throw new Error(`${source} is missing: run npm ci --include=optional`)
  place(path.join(source, 'bin/node'), path.join(root, 'usr/bin/node'))
  chmodSync(path.join(root, 'usr/bin/node'), 0o755)
  place(path.join(source, 'LICENSE'), path.join(root, 'usr/share/doc/node/copyright'))
}

/** Puts the bundles and koffi's native library for this platform below `root`, and `sluice` on its path. */
export function addSluice(root: string): void {
  const home = path.join(root, HOME)
  for (const { to } of entries) place(to, path.join(home, to))
  const native = `@koromix/koffi-linux-${process.arch}`
  const modules = [
    ...modulesOf('koffi', ['package.json', 'index.{js,cjs}', 'src/koffi/**/*.{js,cjs}']),
    ...modulesOf(native, ['package.json', 'index.js', `linux_${process.arch}/koffi.node`]),
  ]
  for (const file of modules) place(file, path.join(home, file))
  // Node takes a file for an ES module only when a package says so.
  writeFileSync(path.join(home, 'package.json'), '{ "type": "module" }\n')
  writeFileSync(path.join(home, 'sluice.js'), LAUNCHER)
  chmodSync(path.join(home, 'sluice.js'), 0o755)
  mkdirSync(path.join(root, 'usr/bin'), { recursive: true })
  symlinkSync('../lib/sluice/sluice.js', path.join(root, 'usr/bin/sluice'))
  addLicenses(path.join(root, 'usr/share/doc/sluice'))
}

/** The files of a package that are used. @throws Error when a pattern matches none: then the package has changed. */
function modulesOf(name: string, patterns: readonly string[]): string[] {
  const folder = path.join('node_modules', name)
  return patterns.flatMap((pattern) => {
    const files = globSync(path.join(folder, pattern))
    if (files.length === 0) throw new Error(`${folder} has no ${pattern}`)
    return files
  })
}

/** Ours, and that of every package that is in the bundles. @throws Error when one has none: then it must be asked for. */
function addLicenses(folder: string): void {
  place('LICENSE', path.join(folder, 'copyright'))
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly optional?: boolean }>>
  }
  for (const [location, { dev, optional }] of Object.entries(lock.packages)) {
    if (location === '' || dev === true || optional === true) continue
    const name = path.relative('node_modules', location)
    const copyright = path.join(folder, `copyright.${name.replaceAll('/', '-')}`)
    const license = readdirSync(location).find((file) => /^licen[cs]e/i.test(file))
    if (license !== undefined) place(path.join(location, license), copyright)
    else if (NAMED_LICENSES.has(name)) writeFileSync(copyright, namedLicense(location))
    else throw new Error(`${location} has no license file`)
  }
}

/** Packages that only name their licenses, the texts of which Debian's base-files has. */
const NAMED_LICENSES = new Set(['@bufbuild/protobuf'])

function namedLicense(location: string): string {
  const { name, version, license } = JSON.parse(readFileSync(path.join(location, 'package.json'), 'utf8')) as {
    readonly name: string
    readonly version: string
    readonly license: string
  }
  return `${name} ${version} is licensed as ${license}, says its package.json.\nThe texts are in /usr/share/common-licenses.\n`
}

function place(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true })
  cpSync(from, to)
}
