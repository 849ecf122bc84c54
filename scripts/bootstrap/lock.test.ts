import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const lockModule = path.join(import.meta.dirname, 'lock.mjs')
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-lock-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** A process that logs when it gets the lock and when it lets go of it. */
function holder(): string[] {
  const program = `
    import { appendFileSync } from 'node:fs'
    import { setTimeout } from 'node:timers/promises'
    import { withLock } from ${JSON.stringify(lockModule)}
    const [lock, log] = process.argv.slice(1)
    await withLock(lock, async () => {
      appendFileSync(log, 'in ')
      await setTimeout(20)
      appendFileSync(log, 'out ')
    })`
  return ['--input-type=module', '--eval', program, path.join(folder, 'lock'), path.join(folder, 'log')]
}

test('one process at a time, also when all of them find a lock that a dead one left', async () => {
  const dead = spawnSync(process.execPath, ['--version']).pid
  writeFileSync(path.join(folder, 'lock'), `${dead} 1`)
  const ends = Array.from({ length: 6 }, () => {
    const child = spawn(process.execPath, holder(), { stdio: 'ignore' })
    return new Promise((resolve) => child.on('exit', resolve))
  })
  expect(await Promise.all(ends)).toEqual([0, 0, 0, 0, 0, 0])
  expect(readFileSync(path.join(folder, 'log'), 'utf8')).toBe('in out '.repeat(6))
  expect(existsSync(path.join(folder, 'lock'))).toBe(false)
}, 20_000)

test('a lock whose pid now belongs to another process is stale', () => {
  writeFileSync(path.join(folder, 'lock'), `${process.pid} 1`)
  expect(spawnSync(process.execPath, holder(), { stdio: 'ignore', timeout: 10_000 }).status).toBe(0)
})
