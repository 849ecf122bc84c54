import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FileWatch } from './watch-file.ts'

let directory: string
let file: string
let watch: FileWatch | undefined
const seen: string[] = []

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-watch-'))
  file = path.join(directory, 'config.conf')
  writeFileSync(file, 'one')
  seen.length = 0
})

afterEach(() => {
  watch?.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Watches; the first look is over when it resolves. */
async function follow(content = 'one'): Promise<void> {
  watch = new FileWatch(file, content, (how) => seen.push(how))
  await delay(300)
}

async function tells(how: string): Promise<void> {
  await vi.waitFor(
    () => {
      expect(seen).toEqual([how])
    },
    { timeout: 20_000, interval: 20 },
  )
}

test('content that is written anew', async () => {
  await follow()
  writeFileSync(file, 'two')
  await tells('has changed')
})

test('another file under the same name', async () => {
  await follow()
  writeFileSync(`${file}.new`, 'two')
  renameSync(`${file}.new`, file)
  await tells('has changed')
})

test('a file that goes', async () => {
  await follow()
  rmSync(file)
  await tells('does not exist')
})

test('what changed before it was watched', async () => {
  watch = new FileWatch(file, 'an older one', (how) => seen.push(how))
  await tells('has changed')
})

test('the link of a mounted ConfigMap that is renamed', async () => {
  const version = (name: string, content: string) => {
    mkdirSync(path.join(directory, name))
    writeFileSync(path.join(directory, name, 'config.conf'), content)
    symlinkSync(name, path.join(directory, '..data_tmp'))
    renameSync(path.join(directory, '..data_tmp'), path.join(directory, '..data'))
  }
  rmSync(file)
  version('..first', 'one')
  symlinkSync(path.join('..data', 'config.conf'), file)
  await follow()
  // kubelet does this when something else in the ConfigMap changed.
  version('..second', 'one')
  await delay(700)
  expect(seen).toEqual([])
  version('..third', 'two')
  await tells('has changed')
})

test('a touch, the same content again, and a moment without the file are no change', async () => {
  await follow()
  utimesSync(file, new Date(), new Date())
  await delay(500)
  writeFileSync(file, 'one')
  await delay(500)
  rmSync(file)
  writeFileSync(file, 'one')
  await delay(700)
  expect(seen).toEqual([])
})
