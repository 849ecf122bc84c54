import { closeSync, ftruncateSync, openSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Lab, type LabNode } from '../lab/index.ts'
import { Instance } from '../sluice/instance.ts'
import { endpointSlice, type Manifest, ManifestFolder, service } from '../sluice/manifests.ts'
import { SLUICE } from '../sluice/process.ts'

const GOOD_IP = '10.96.0.1'
const GOOD = [
  service('good', { clusterIPs: [GOOD_IP], ports: [{ name: 'http', port: 80 }] }),
  endpointSlice('good', { ports: [{ name: 'http', port: 8080 }], endpoints: ['10.244.1.1'] }),
]

let lab: Lab
let node: LabNode
let folder: ManifestFolder

beforeAll(async () => {
  lab = await Lab.create()
  node = await lab.node('node-1', { addresses: ['192.168.50.11/24'] })
})

afterAll(async () => {
  await lab.close()
})

beforeEach(async () => {
  folder = new ManifestFolder()
  folder.write('good.yaml', GOOD)
  await node.exec('nft', ['flush', 'ruleset'])
  return () => {
    folder.dispose()
  }
})

interface Outcome {
  readonly code: number | null
  readonly output: string
  /** Whether the good Service is in the kernel. */
  readonly servesGood: boolean
}

async function once(args: readonly string[] = []): Promise<Outcome> {
  const command = ['file', '--input', folder.path, 'to-local', 'to-nft', '--once', ...args]
  const { code, stdout, stderr } = await node.exec(SLUICE, command, { allowFailure: true })
  const { stdout: ruleset } = await node.exec('nft', ['list', 'ruleset'])
  return {
    code,
    output: `${stdout}\n${stderr}`,
    servesGood: ruleset.includes(`${GOOD_IP} . tcp . 80 comment "default/good:http"`),
  }
}

test('a YAML syntax error is named with file and line; the rest is programmed', async () => {
  folder.writeText('broken.yaml', 'apiVersion: v1\nkind: Service\nmetadata:\n  name: [unclosed\n---\nkind: ConfigMap\n')
  const { code, output, servesGood } = await once()
  expect(servesGood).toBe(true)
  expect(output).toMatch(/broken\.yaml:[1-5]/)
  expect(code).toBe(6)
})

test('kinds that Sluice has no use for are skipped with a word', async () => {
  folder.write('others.yaml', [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } },
    { apiVersion: 'example.com/v1', kind: 'Whatever', metadata: { name: 'x' } },
  ])
  const { code, output, servesGood } = await once()
  expect(servesGood).toBe(true)
  expect(output).toContain('Deployment')
  expect(code).toBe(0)
})

test.each<[string, Manifest, RegExp, number]>([
  [
    'an impossible cluster IP',
    service('bad', { clusterIPs: ['10.96.0.999'], ports: [{ port: 80 }] }),
    /clusterIP.*10\.96\.0\.999/,
    6,
  ],
  [
    'an impossible port',
    service('bad', { clusterIPs: ['10.96.0.9'], ports: [{ port: 65536 }] }),
    /ports\[0\]\.port.*65536/,
    6,
  ],
  ['a name that is no name', service('a/b', { clusterIPs: ['10.96.0.9'], ports: [{ port: 80 }] }), /metadata\.name/, 6],
  [
    'an endpoint that is no address',
    endpointSlice('bad', { ports: [{ port: 80 }], endpoints: ['not-an-ip'] }),
    /addresses\[0\].*not-an-ip/,
    0,
  ],
])('%s is named with object and field; the rest is programmed', async (_, object, message, expected) => {
  folder.write('bad.yaml', [object])
  const { code, output, servesGood } = await once()
  expect(servesGood).toBe(true)
  expect(output).toMatch(message)
  expect([expected, 0, 6]).toContain(code)
})

test('two Services that claim one address and port: the older one has it, the other is reported', async () => {
  const claim = (name: string, creationTimestamp: string) =>
    service(name, { clusterIPs: ['10.96.0.50'], ports: [{ name: 'http', port: 80 }], creationTimestamp })
  folder.write('claims.yaml', [claim('a-younger', '2026-02-01T00:00:00Z'), claim('b-older', '2026-01-01T00:00:00Z')])
  const instance = await Instance.start(node, { input: folder.path })
  const listing = async () => (await node.exec('nft', ['list', 'map', 'ip', 'sluice', 'services'])).stdout
  expect(await listing()).toContain('10.96.0.50 . tcp . 80 comment "default/b-older:http"')
  const { problems } = await instance.status()
  expect(problems.map((problem) => problem.object)).toEqual(['default/a-younger:http'])
  folder.write('claims.yaml', [claim('a-younger', '2026-02-01T00:00:00Z')])
  await instance.waitFor('the younger taking over', (status) => status.problems.length === 0)
  expect(await listing()).toContain('10.96.0.50 . tcp . 80 comment "default/a-younger:http"')
  await instance.dispose()
})

test('an EndpointSlice for no Service harms nothing', async () => {
  folder.write('orphan.yaml', [endpointSlice('nobody', { ports: [{ port: 80 }], endpoints: ['10.244.9.9'] })])
  const { code, servesGood } = await once()
  expect(servesGood).toBe(true)
  expect(code).toBe(0)
})

test('a file of 1 GiB is refused by its size; the rest is programmed', async () => {
  const descriptor = openSync(folder.file('huge.yaml'), 'w')
  ftruncateSync(descriptor, 1 << 30)
  closeSync(descriptor)
  const { output, servesGood } = await once()
  expect(servesGood).toBe(true)
  expect(output).toMatch(/huge\.yaml: more than is read: 1024 MiB; accepted: at most 256 MiB/)
})

test('a file that becomes unreadable loses nothing', async () => {
  const instance = await Instance.start(node, { input: folder.path })
  folder.writeText('good.yaml', 'kind: Service\nmetadata: {name: good\n')
  await instance.waitFor('the problem', ({ problems }) => problems.length > 0)
  const { stdout } = await node.exec('nft', ['list', 'ruleset'])
  expect(stdout).toContain(GOOD_IP)
  folder.write('good.yaml', [])
  await instance.waitFor('the Service gone', ({ counts }) => counts.services === 0)
  await instance.dispose()
})

test('a missing input ends it with 3, and the message names the path', async () => {
  const missing = `${folder.path}/missing.yaml`
  const { code, stderr } = await node.exec(SLUICE, ['file', '-i', missing, 'to-local', 'to-nft', '--once'], {
    allowFailure: true,
  })
  expect(code).toBe(3)
  expect(stderr).toContain(missing)
})

test('without root it ends with 4 and says what it needs', async () => {
  const user = ['--reuid', '65534', '--regid', '65534', '--clear-groups']
  const program = [SLUICE, 'file', '-i', folder.path, 'to-local', 'to-nft', '--once']
  const { code, stderr } = await node.exec('setpriv', [...user, '--', ...program], { allowFailure: true })
  expect(code).toBe(4)
  expect(stderr).toContain('needs root or CAP_NET_ADMIN')
})

test.each([
  ['--nodeport-addresses', 'everywhere'],
  ['--cluster-cidr', '10.0.0.0/99'],
  ['--masquerade-bit', '32'],
  ['--max-file-size', 'big'],
  ['--instance', '../x'],
  ['--log-level', 'loud'],
  ['--no-such-flag', ''],
])('a wrong %s ends it with 2, and the message names it', async (flag, value) => {
  const { code, output } = await once([flag, value].filter((part) => part !== ''))
  expect(code).toBe(2)
  expect(output).toContain(flag)
})

test('an unknown command ends it with 2 and names those that there are', async () => {
  const { code, stderr } = await node.exec(SLUICE, ['file', 'to-local', 'to-nowhere'], { allowFailure: true })
  expect(code).toBe(2)
  expect(stderr).toContain('file to-local to-nft')
})
