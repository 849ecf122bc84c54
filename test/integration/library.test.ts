import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

let directory: string

/** A package of somebody else, that has the built package as a dependency. */
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-library-'))
  mkdirSync(path.join(directory, 'node_modules', '@types'), { recursive: true })
  symlinkSync(ROOT, path.join(directory, 'node_modules', 'sluice'))
  symlinkSync(path.join(ROOT, 'node_modules/@types/node'), path.join(directory, 'node_modules/@types/node'))
  writeFileSync(path.join(directory, 'package.json'), '{"type":"module"}')
  writeFileSync(path.join(directory, 'program.mts'), PROGRAM)
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

const PROGRAM = `import { GrpcError, isGrpcError, LocalClient, runClient } from 'sluice/client'
import { familyOf, type LocalService, parseIp, serviceKey } from 'sluice/model'
import { DiffStore, fullState, type Sink, SinkRunner } from 'sluice/sink'

const ip = parseIp('010.0.0.1')
const store = new DiffStore<number>()
const sink: Sink = fullState('x', ({ services }) => {
  const wanted = services.map((local: LocalService): [string, number] => [local.key, local.endpoints.length])
  store.commit(store.difference(wanted))
})
const client = new LocalClient({ address: 'unix:///nobody', nodeName: 'n' })
const runner = new SinkRunner(client, [sink])
const failure: unknown = await runClient([sink], { address: 'nowhere' }).catch((error: unknown) => error)
console.log(JSON.stringify({
  ip, family: ip && familyOf(ip), key: serviceKey('a', 'b'), health: runner.health()[0]?.isInLine,
  code: isGrpcError(failure) && failure instanceof GrpcError && failure.code,
}))
`

test('a program of somebody else finds the package with its types', () => {
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc')
  // As strict as it can be, our declarations too, and without what our own sources are compiled with.
  const flags = ['--strict', '--exactOptionalPropertyTypes', '--noEmit', '--target', 'es2024', '--types', 'node']
  const modules = ['--module', 'nodenext', '--skipLibCheck', 'false']
  execFileSync(process.execPath, [tsc, ...flags, ...modules, 'program.mts'], { cwd: directory, stdio: 'inherit' })
})

test('and runs with it', () => {
  const output = execFileSync(process.execPath, ['program.mts'], { cwd: directory, encoding: 'utf8' })
  expect(JSON.parse(output)).toEqual({
    ip: '10.0.0.1',
    family: 4,
    key: 'a/b',
    health: false,
    code: 'GRPC_ADDRESS',
  })
})

test('and finds nothing that is not exported', () => {
  const program = "import('sluice/dist/sluice.js').catch(({ code }) => console.log(code))"
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: directory,
    encoding: 'utf8',
  })
  expect(output.trim()).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED')
})
