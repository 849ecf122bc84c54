import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Does the work while no other process holds the lock. The lock is a file that names its owner, so that one left behind
 * by a process that was killed is taken over.
 *
 * @param {string} file
 * @param {() => Promise<void>} work
 */
export async function withLock(file, work) {
  mkdirSync(path.dirname(file), { recursive: true })
  const mine = `${process.pid} ${startTime(process.pid)}`
  let said = ''
  while (!acquire(file, mine)) {
    const owner = read(file)
    if (owner === undefined) continue
    if (!isAlive(owner)) {
      removeStale(file, owner)
      continue
    }
    if (said !== owner) console.error(`bootstrap: waiting for process ${owner.split(' ')[0]}, which installs or builds`)
    said = owner
    await sleep(100)
  }
  try {
    await work()
  } finally {
    rmSync(file, { force: true })
  }
}

/** Linking a finished file makes the lock appear whole: nobody ever reads one without its owner. */
function acquire(file, owner) {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, owner)
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft)
  }
}

/** Two processes may find the same stale lock; the slower one must not remove the lock that the faster one then made. */
function removeStale(file, owner) {
  const aside = `${file}.stale.${process.pid}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if (error.code === 'ENOENT') return
    throw error
  }
  if (read(aside) === owner) rmSync(aside)
  else renameSync(aside, file)
}

function isAlive(owner) {
  const [pid, started] = owner.split(' ')
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    if (error.code !== 'EPERM') return false
  }
  return startTime(pid) === started
}

/** Tells a process from a later one that was given the same pid: field 22 of proc(5) stat; empty where there is no /proc. */
function startTime(pid) {
  const stat = read(`/proc/${pid}/stat`) ?? ''
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined
    throw error
  }
}
