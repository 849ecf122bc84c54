import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { askInstance, controlSocketPath, serveControl } from './control-socket.ts'
import type { Status } from './status.ts'

const handlers = { status: () => ({ instance: 'a' }) as Status, stop: () => {} }
let folder: string

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-control-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

test('it answers, only to its owner, and is gone when closed', async () => {
  const control = await serveControl(folder, 'a', handlers)
  expect(JSON.parse(await askInstance(folder, 'a', 'GET', '/status'))).toEqual({ instance: 'a' })
  expect(statSync(controlSocketPath(folder, 'a')).mode & 0o777).toBe(0o600)
  await control.close()
  expect(existsSync(controlSocketPath(folder, 'a'))).toBe(false)
  await expect(askInstance(folder, 'a', 'GET', '/status')).rejects.toMatchObject({ code: 'INSTANCE_ABSENT' })
})

test('a second one is refused while the first runs', async () => {
  const control = await serveControl(folder, 'a', handlers)
  await expect(serveControl(folder, 'a', handlers)).rejects.toMatchObject({ code: 'INSTANCE_RUNNING' })
  await control.close()
})

test('the socket of a killed process is taken over', async () => {
  // What a killed process leaves: a socket on which nobody listens.
  const left = createServer()
  await new Promise<void>((resolve) => {
    left.listen(controlSocketPath(folder, 'b'), resolve)
  })
  const kept = controlSocketPath(folder, 'a')
  const { renameSync } = await import('node:fs')
  renameSync(controlSocketPath(folder, 'b'), kept)
  await new Promise((resolve) => left.close(resolve))
  expect(existsSync(kept)).toBe(true)
  const control = await serveControl(folder, 'a', handlers)
  await control.close()
})

test('stop is asked for, and answered before it is done', async () => {
  let stopped = false
  const control = await serveControl(folder, 'a', { ...handlers, stop: () => (stopped = true) })
  await askInstance(folder, 'a', 'POST', '/stop')
  expect(stopped).toBe(true)
  await control.close()
})

test('a place that cannot be used is an error that names it', async () => {
  writeFileSync(path.join(folder, 'file'), '')
  const place = path.join(folder, 'file', 'below')
  await expect(serveControl(place, 'a', handlers)).rejects.toMatchObject({ code: 'INSTANCE_SOCKET' })
})
