import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ChildRunner } from './child.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-child-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** A shell that waits for a child of its own, whose pid it writes down. */
function parent(): readonly string[] {
  return ['-c', `sleep 300 & echo $! > ${folder}/pid; wait`]
}

function grandchild(): number {
  return Number(readFileSync(path.join(folder, 'pid'), 'utf8'))
}

function isAlive(pid: number): boolean {
  try {
    // A killed orphan may wait for its new parent to read its exit code; field 3 of proc(5) stat.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2] !== 'Z'
  } catch {
    return false
  }
}

test('the exit code is kept', async () => {
  expect(await new ChildRunner().run('sh', ['-c', 'exit 7'], 10)).toBe(7)
})

test('a program that is not there is an error', async () => {
  await expect(new ChildRunner().run('no-such-program', [], 10)).rejects.toThrow('spawn no-such-program')
})

test('a program that hangs is stopped together with what it started', async () => {
  await expect(new ChildRunner().run('sh', parent(), 1)).rejects.toThrow('did not end within 1 s')
  await expect.poll(() => isAlive(grandchild())).toBe(false)
})

test('a signal reaches what the program started', async () => {
  const runner = new ChildRunner()
  const end = runner.run('sh', parent(), 10)
  await sleep(300)
  runner.stop('SIGTERM')
  await expect(end).rejects.toThrow('killed by SIGTERM')
  expect(runner.stopped).toBe(true)
  await expect.poll(() => isAlive(grandchild())).toBe(false)
})
