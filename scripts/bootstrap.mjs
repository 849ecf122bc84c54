// The first thing every `npm run` starts. Dependency-free, and every Node from 20 on can run it: it installs what the
// lock file says, builds what changed, and hands over to the Node that the package pins.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildIsFresh, recordBuild } from './bootstrap/build-stamp.mjs'
import { install, isInstalled } from './bootstrap/install.mjs'
import { withLock } from './bootstrap/lock.mjs'
import { pinnedNode } from './bootstrap/pinned-node.mjs'
import { endLike, run } from './bootstrap/run.mjs'

/**
 * What `npm run <task>` runs on the pinned Node. The test tasks do not build first: there the build is a suite, so that a
 * build that fails is counted like any other failure.
 *
 * @type {Record<string, { build: boolean, script?: string[], counted?: boolean }>}
 */
const tasks = {
  build: { build: true },
  demo: { build: true, script: ['scripts/demo.ts'] },
  bench: { build: true, script: ['scripts/bench.ts'] },
  docs: { build: false, script: ['node_modules/typedoc/bin/typedoc'] },
  soak: { build: true, script: ['scripts/soak.ts'] },
  image: { build: true, script: ['scripts/image.ts'] },
  test: { build: false, script: ['scripts/test.ts'], counted: true },
  'test:unit': { build: false, script: ['scripts/test.ts', '--only', 'unit'], counted: true },
  'test:lab': { build: false, script: ['scripts/test.ts', '--only', 'build,lab'], counted: true },
  conformance: { build: true, script: ['test/conformance/main.ts'], counted: true },
  lint: { build: false, script: ['scripts/test.ts', '--only', 'lint'], counted: true },
  format: { build: false, script: ['node_modules/@biomejs/biome/bin/biome', 'check', '--write'] },
}

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const lockFile = path.join(root, '.cache', 'bootstrap.lock')
/** Whoever reads only the last line of a test run finds a count there, even when the tests could not start or end. */
const nothingRan = '0 passed, 1 failed'
const [taskName = '', ...args] = process.argv.slice(2)
const task = Object.hasOwn(tasks, taskName) ? tasks[taskName] : undefined

try {
  if (task === undefined) throw new Error(`no task "${taskName}"; there are: ${Object.keys(tasks).join(', ')}`)
  process.chdir(root)
  await prepare()
  if (task.script !== undefined) await handOver(task.script)
} catch (error) {
  console.error(`bootstrap: ${error.message}`)
  if (task?.counted) console.log(nothingRan)
  process.exitCode = 1
}

async function prepare() {
  const ready = () => isInstalled(root) && (!task.build || buildIsFresh(root))
  if (ready()) {
    if (taskName === 'build') console.error('bootstrap: dist is up to date')
    return
  }
  await withLock(lockFile, async () => {
    if (!isInstalled(root)) await install(root)
    if (task.build && !buildIsFresh(root)) await build()
  })
}

async function build() {
  const record = recordBuild(root)
  const end = await run(pinnedNode(root), ['scripts/build.mjs'])
  if (end.code !== 0) throw new Error('the build failed')
  record()
}

/** @param {string[]} script */
async function handOver(script) {
  if (!existsSync(script[0])) throw new Error(`${script[0]} does not exist`)
  const bin = path.join(root, 'node_modules', '.bin')
  const PATH = [bin, ...(process.env.PATH ?? '').split(':').filter((folder) => folder !== bin)].join(':')
  const end = await run(pinnedNode(root), [...script, ...args], { env: { ...process.env, PATH } })
  if (end.signal !== null && task.counted) console.log(nothingRan)
  endLike(end)
}
