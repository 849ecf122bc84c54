import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SettingFiles } from './settings.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-settings-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

test('a setting is read and written', () => {
  writeFileSync(path.join(folder, 'max'), '42\n')
  const settings = new SettingFiles(folder)
  expect(settings.read('/max')).toBe(42)
  settings.write('/max', 43)
  expect(readFileSync(path.join(folder, 'max'), 'utf8')).toMatch(/^43/)
})

test('one that is not there is not made', () => {
  const settings = new SettingFiles(folder)
  expect(() => settings.read('/none')).toThrow(expect.objectContaining({ code: 'SYSCTL_ABSENT', errno: 'ENOENT' }))
  expect(() => {
    settings.write('/none', 1)
  }).toThrow(expect.objectContaining({ code: 'SYSCTL_ABSENT' }))
})

test('what is no number cannot be read, and a folder cannot be written', () => {
  writeFileSync(path.join(folder, 'list'), '1 2 3\n')
  const settings = new SettingFiles(folder)
  expect(() => settings.read('/list')).toThrow(expect.objectContaining({ code: 'SYSCTL_READ' }))
  expect(() => {
    settings.write('/', 1)
  }).toThrow(expect.objectContaining({ code: 'SYSCTL_WRITE', errno: 'EISDIR' }))
})
