import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { run } from './run.mjs'

/** npm writes what it installed here; it is the lock file less what this platform does not need. */
const installedLock = 'node_modules/.package-lock.json'
const stamp = 'node_modules/.sluice-install'

/** Says whether node_modules holds what package-lock.json asks for, whoever installed it. */
export function isInstalled(root) {
  const wanted = path.join(root, 'package-lock.json')
  const present = path.join(root, installedLock)
  if (!existsSync(present)) return false
  const seen = hash(wanted, present)
  const stampFile = path.join(root, stamp)
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === seen) return true
  if (!agree(packages(wanted), packages(present))) return false
  writeFileSync(stampFile, seen)
  return true
}

/** Runs `npm ci`. Its words go to stderr: stdout belongs to the task. */
export async function install(root) {
  const started = Date.now()
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`
  console.error('bootstrap: npm ci: installing what package-lock.json says')
  const heartbeat = setInterval(() => console.error(`bootstrap: npm ci: still at work after ${seconds()}`), 10_000)
  // The pinned Node and the development tools are needed even where npm is configured to omit them; no dependency needs
  // its install script.
  const wanted = ['--include=dev', '--include=optional', '--ignore-scripts']
  const args = ['ci', ...wanted, '--no-audit', '--no-fund', '--loglevel=error']
  const [program, ...before] = npm(root)
  try {
    const end = await run(program, [...before, ...args], { cwd: root, stdio: ['ignore', 2, 2] })
    if (end.code !== 0)
      throw new Error(`npm ci failed (${end.signal ?? `exit code ${end.code}`}); its messages are above`)
  } finally {
    clearInterval(heartbeat)
  }
  const lock = path.join(root, 'package-lock.json')
  writeFileSync(path.join(root, stamp), hash(lock, path.join(root, installedLock)))
  console.error(`bootstrap: npm ci: done in ${seconds()}`)
}

/** npm as a command line: the npm that started us, else the one on PATH. */
function npm(root) {
  const { npm_execpath: script, npm_node_execpath: node } = process.env
  if (script === undefined || !existsSync(script)) return ['npm']
  // npm ci removes node_modules first, and the pinned Node with it: prefer a Node that stays.
  const stays = node !== undefined && existsSync(node) && !node.startsWith(path.join(root, 'node_modules'))
  return [stays ? node : process.execPath, script]
}

function agree(wanted, present) {
  const missing = Object.entries(wanted).some(([where, { version, integrity, optional, devOptional }]) => {
    if (where === '') return false
    const found = present[where]
    if (found === undefined) return !(optional || devOptional)
    return found.version !== version || found.integrity !== integrity
  })
  return !missing && Object.keys(present).every((where) => where in wanted)
}

function packages(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages
}

function hash(...files) {
  const sum = createHash('sha256')
  for (const file of files) sum.update(readFileSync(file))
  return sum.digest('hex')
}
