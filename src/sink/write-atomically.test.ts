import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeAtomically } from './write-atomically.ts'

let directory: string
const at = (...names: string[]) => path.join(directory, ...names)

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-write-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true })
})

test('a file is made, replaced, and left alone when it is right already', async () => {
  expect(await writeAtomically(at('f'), 'one')).toBe(true)
  const first = statSync(at('f'))
  expect(await writeAtomically(at('f'), ['o', 'n', 'e'])).toBe(false)
  expect(statSync(at('f'))).toMatchObject({ ino: first.ino, mtimeMs: first.mtimeMs })
  expect(await writeAtomically(at('f'), ['tw', 'ö'])).toBe(true)
  expect(readFileSync(at('f'), 'utf8')).toBe('twö')
  expect(statSync(at('f')).ino).not.toBe(first.ino)
  expect(await writeAtomically(at('f'), '')).toBe(true)
  expect(readdirSync(directory)).toEqual(['f'])
})

test('more than one piece of a megabyte', async () => {
  const pieces = Array.from({ length: 30 }, (_, i) => String.fromCharCode(97 + i).repeat(100_000))
  await writeAtomically(at('f'), pieces)
  expect(readFileSync(at('f'), 'utf8') === pieces.join('')).toBe(true)
})

test('a mode and a symbolic link stay', async () => {
  mkdirSync(at('real'))
  writeFileSync(at('real', 'f'), 'old')
  chmodSync(at('real', 'f'), 0o640)
  symlinkSync(at('real', 'f'), at('link'))
  await writeAtomically(at('link'), 'new')
  expect(lstatSync(at('link')).isSymbolicLink()).toBe(true)
  expect(readFileSync(at('real', 'f'), 'utf8')).toBe('new')
  expect(statSync(at('real', 'f')).mode & 0o777).toBe(0o640)
  expect(readdirSync(at('real'))).toEqual(['f'])
})

test('what is no file is not replaced, and nothing is left beside it', async () => {
  mkdirSync(at('folder'))
  await expect(writeAtomically(at('folder'), 'x')).rejects.toThrow('is no file')
  await expect(writeAtomically('/dev/null', 'x')).rejects.toThrow('/dev/null is no file')
  await expect(writeAtomically(at('absent', 'f'), 'x')).rejects.toThrow('ENOENT')
  expect(readdirSync(directory)).toEqual(['folder'])
})
