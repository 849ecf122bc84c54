import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { askInstance } from '../../src/observe/control-socket.ts'
import type { Status } from '../../src/observe/status.ts'
import { Lab, type LabNode } from '../lab/index.ts'
import { endpointSlice, ManifestFolder, nodeObject, service } from '../sluice/manifests.ts'
import { SLUICE } from '../sluice/process.ts'
import { Running } from '../sluice/running.ts'

const SHOP = fileURLToPath(new URL('../../examples/shop', import.meta.url))
const HELLO = fileURLToPath(new URL('../../examples/hello', import.meta.url))

let lab: Lab
let node: LabNode
let directory: string
const running: Running[] = []
const manifests = new ManifestFolder()

beforeAll(async () => {
  lab = await Lab.create()
  node = await lab.node('node-1', { addresses: ['192.168.50.11/24'] })
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-to-file-'))
})

afterEach(async () => {
  for (const program of running.splice(0)) await program.stop('SIGKILL')
})

afterAll(async () => {
  await lab.close()
  manifests.dispose()
  rmSync(directory, { recursive: true, force: true })
})

const at = (name: string) => path.join(directory, name)

function start(...args: string[]): Running {
  const program = new Running(node, SLUICE, args)
  running.push(program)
  return program
}

/** What a node would program, as text. */
function dryRun(...inputs: string[]): string {
  const args = ['file', ...inputs.flatMap((input) => ['-i', input]), 'to-local', 'to-nft', '--dry-run', '--once']
  return execFileSync(SLUICE, [...args, '--node-name', 'node-1', '--nodeport-addresses', '192.168.50.0/24'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  })
}

test.each(['state.yaml', 'state.json'])('%s programs what the manifests do that it was made of', (name) => {
  execFileSync(SLUICE, ['file', '-i', SHOP, '-i', HELLO, 'to-file', '-o', at(name), '--once'], { stdio: 'pipe' })
  const expected = dryRun(SHOP, HELLO)
  expect(expected).toContain('default/hello:http')
  expect(dryRun(at(name))).toBe(expected)
  // The second hand-over writes the same file.
  execFileSync(SLUICE, ['file', '-i', at(name), 'to-file', '-o', at(`again-${name}`), '--once'], { stdio: 'pipe' })
  expect(readFileSync(at(`again-${name}`), 'utf8')).toBe(readFileSync(at(name), 'utf8'))
})

test('a running instance follows, and nobody ever reads a part of the file', async () => {
  const write = (count: number) => {
    const objects = Array.from({ length: count }, (_, i) => [
      service(`s${i}`, {
        clusterIPs: [`10.96.1.${i + 1}`],
        ports: [{ port: 80 }],
        spec: { sessionAffinity: 'ClientIP' },
      }),
      endpointSlice(`s${i}`, { ports: [{ port: 8080 }], endpoints: ['10.244.1.1', '10.244.1.2'] }),
    ])
    manifests.write('all.yaml', [nodeObject('node-1', ['192.168.50.11']), ...objects.flat()])
  }
  write(1)
  const file = at('followed.yaml')
  const runDirectory = at('run')
  const output = ['-o', file, '--min-sync-period', '0s', '--run-dir', runDirectory]
  const program = start('file', '-i', manifests.path, 'to-file', ...output)
  const names = () => {
    if (!existsSync(file)) return undefined
    const state = parse(readFileSync(file, 'utf8')) as { services: { service: { name: string } }[]; nodes: unknown[] }
    // Half of a file would be no YAML, or lack an end that every state has.
    expect(state.nodes).toHaveLength(1)
    expect(readFileSync(file, 'utf8')).toMatch(/\n$/)
    return state.services.map((entry) => entry.service.name)
  }
  await program.until(() => names()?.length === 1, 'the first state')
  for (const count of [40, 3, 60, 2]) {
    write(count)
    await program.until(() => names()?.length === count, `${count} Services`)
  }
  const status = JSON.parse(await askInstance(runDirectory, 'file', 'GET', '/status')) as Status
  expect(status).toMatchObject({ state: 'serving', plane: 'file', counts: { services: 2 }, lastError: '' })
  expect(readdirSync(directory).filter((name) => name.startsWith('.'))).toEqual([])

  const { ino, mtimeMs } = statSync(file)
  expect(await program.stop()).toBe(0)
  const again = start('file', '-i', manifests.path, 'to-file', ...output)
  await again.until(
    async () =>
      (JSON.parse(await askInstance(runDirectory, 'file', 'GET', '/status').catch(() => '{}')) as Status).state ===
      'serving',
    'it serves',
  )
  // What is the same already is not written.
  expect(statSync(file)).toMatchObject({ ino, mtimeMs })
  expect(await again.stop()).toBe(0)
})

test('a file that cannot be written for a while is written when it can be', async () => {
  const object = (name: string) => service(name, { clusterIPs: ['10.96.0.9'], ports: [{ port: 80 }] })
  manifests.write('all.yaml', [object('before')])
  const file = at('blocked.yaml')
  const runDirectory = at('run')
  const program = start('file', '-i', manifests.path, 'to-file', '-o', file, '--run-dir', runDirectory)
  const status = async () =>
    JSON.parse(await askInstance(runDirectory, 'file', 'GET', '/status').catch(() => '{}')) as Partial<Status>
  await program.until(async () => (await status()).state === 'serving', 'the first state')
  rmSync(file)
  mkdirSync(file)
  manifests.write('all.yaml', [object('after')])
  await program.until(async () => (await status()).state === 'failing', 'it says that it cannot')
  expect((await status()).lastError).toContain('blocked.yaml is no file')
  rmdirSync(file)
  await program.until(async () => (await status()).state === 'serving', 'it is written')
  expect(readFileSync(file, 'utf8')).toContain('name: after')
  const { revision, servedRevision } = await status()
  expect(servedRevision).toBe(revision)
  expect(await program.stop()).toBe(0)
})

test('a file that cannot be written is an error that says so', async () => {
  const program = start('file', '-i', HELLO, 'to-file', '-o', at('absent/state.yaml'), '--run-dir', at('run'))
  expect(await program.ended()).toBe(1)
  expect(program.errors).toContain('absent/state.yaml cannot be written: ')
  expect(program.errors).toContain('[OUTPUT_UNWRITABLE]')
})
