// `npm run image -- --output sluice.tar`: a container image without a container engine. It is made of Debian's packages, the
// pinned Node and the bundles, for the architecture of this machine; docs/guide/image.md says how to load it.
// `--root <folder>` only puts Node and Sluice into a folder, for the Dockerfile, which has a base image of its own.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import manifest from '../package.json' with { type: 'json' }
import { addNode, addSluice } from './image/application.ts'
import { addDebianPackages, addSystemFiles, type DebianPackage } from './image/debian.ts'
import { type Image, writeImage } from './image/oci.ts'

const { values } = parseArgs({
  options: {
    output: { type: 'string', default: 'sluice.tar' },
    // No registry is `localhost`, so that a node which lacks the image never gets somebody else's.
    name: { type: 'string', default: `localhost/sluice:${manifest.version}` },
    root: { type: 'string' },
  },
})

try {
  // What is made here is read by another user in the container.
  process.umask(0o022)
  if (values.root === undefined) await makeImage(values.name, values.output)
  else makeRoot(values.root)
} catch (error) {
  console.error(`image: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

function makeRoot(root: string): void {
  addNode(root)
  addSluice(root)
}

async function makeImage(name: string, output: string): Promise<void> {
  if (!/^[a-z0-9.-]+(:\d+)?\/[a-z0-9._/-]+:[\w.-]+$/.test(name)) {
    throw new Error(`--name: "${name}" must be a registry, a name and a tag, such as localhost/sluice:0.1.0`)
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-image-'))
  const part = (name: string) => {
    mkdirSync(path.join(folder, name))
    return path.join(folder, name)
  }
  try {
    const parts = [
      { what: 'Debian', folder: part('debian') },
      { what: 'Node', folder: part('node') },
      { what: 'Sluice', folder: part('sluice') },
    ] as const
    const packages = addDebianPackages(parts[0].folder)
    addSystemFiles(parts[0].folder)
    addNode(parts[1].folder)
    addSluice(parts[2].folder)
    const time = sourceDate()
    const image = await writeImage({ name, time, labels: labels(time), parts }, part('oci'), output)
    console.log(`image   ${name}`)
    console.log(`file    ${output}`)
    report(image, packages)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** See https://reproducible-builds.org/specs/source-date-epoch; else the time of the commit. */
function sourceDate(): Date {
  const seconds = process.env['SOURCE_DATE_EPOCH'] ?? git('log', '-1', '--format=%ct')
  if (seconds === undefined || !/^\d+$/.test(seconds)) {
    throw new Error('this is no git repository: set SOURCE_DATE_EPOCH to the time of the source, in seconds since 1970')
  }
  return new Date(Number(seconds) * 1000)
}

function labels(time: Date): Record<string, string> {
  const revision = git('rev-parse', 'HEAD')
  return {
    'org.opencontainers.image.title': manifest.name,
    'org.opencontainers.image.description': manifest.description,
    'org.opencontainers.image.version': manifest.version,
    'org.opencontainers.image.licenses': manifest.license,
    'org.opencontainers.image.created': time.toISOString(),
    ...(revision === undefined ? {} : { 'org.opencontainers.image.revision': revision }),
  }
}

/** Undefined where there is no git, or no repository. */
function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}

function report({ digest, layers }: Image, packages: readonly DebianPackage[]): void {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
  console.log(`digest  ${digest}`)
  for (const { what, size } of layers) console.log(`layer   ${what}: ${megabytes(size)}`)
  console.log(`size    ${megabytes(layers.reduce((sum, { size }) => sum + size, 0))}, compressed`)
  for (const { name, version } of packages) console.log(`debian  ${name} ${version}`)
}
