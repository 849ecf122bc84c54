import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { EXIT } from '../../src/cli/exit-codes.ts'
import { ApiServer } from '../apiserver/api-server.ts'
import { listenIn } from '../apiserver/listen-in.ts'
import { containerCommand } from '../container/container.ts'
import { type UnpackedImage, unpackImage } from '../container/image.ts'
import { iptablesMode } from '../fixtures/kube-proxy.ts'
import { until } from '../lab/index.ts'
import { answerOf, CLUSTER, TestCluster } from '../sluice/cluster.ts'
import { countTables, Instance } from '../sluice/instance.ts'
import { endpointSlice, nodeObject, service } from '../sluice/manifests.ts'

const CLUSTER_IP = '10.96.0.50'
/** The manifest for it mounts this from the node, too. */
const XTABLES_LOCK = '/run/xtables.lock'
const SOURCE_DATE_EPOCH = '1700000000'

let folder: string
let image: UnpackedImage
let cluster: TestCluster

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-image-test-'))
  writeFileSync(XTABLES_LOCK, '', { flag: 'a' })
  image = unpackImage(makeImage('one', '022'), folder)
  cluster = await TestCluster.create()
}, 120_000)

afterAll(async () => {
  await cluster.dispose()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs `npm run image` as users do. @returns the archive. */
function makeImage(name: string, umask: string): string {
  const file = path.join(folder, `${name}.tar`)
  const script = `umask ${umask} && npm run --silent image -- --output "$1"`
  const env = { ...process.env, SOURCE_DATE_EPOCH }
  execFileSync('sh', ['-c', script, 'sh', file], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  return file
}

/** As the manifests in deploy/ have it. */
function container(runAsUser: number, capabilities: readonly string[], volumes: readonly string[] = []) {
  return containerCommand({ root: image.root, runAsUser, capabilities, volumes })
}

async function run(runAsUser: number, capabilities: readonly string[], ...args: readonly string[]) {
  const [command, ...before] = container(runAsUser, capabilities, [XTABLES_LOCK])
  return cluster.node1.exec(command, [...before, '/usr/bin/sluice', ...args], { allowFailure: true })
}

test('the archive names the image, says what it is, and has layers with the digests that it claims', () => {
  expect(image.name).toBe(`localhost/sluice:${manifest.version}`)
  expect(image.config.architecture).toBe(process.arch === 'x64' ? 'amd64' : process.arch)
  expect(image.config.config).toMatchObject({
    User: '65532:65532',
    Entrypoint: ['/usr/bin/sluice'],
    Labels: { 'org.opencontainers.image.version': manifest.version, 'org.opencontainers.image.licenses': 'Apache-2.0' },
  })
  expect(image.config.rootfs.diff_ids).toHaveLength(3)
})

test('the same source makes the same image, whatever the time and the umask', () => {
  const again = path.join(folder, 'again')
  mkdirSync(again)
  expect(unpackImage(makeImage('two', '077'), again).digest).toBe(image.digest)
  const archives = ['one', 'two'].map((name) => readFileSync(path.join(folder, `${name}.tar`)))
  expect(archives[0]?.equals(archives[1] ?? Buffer.alloc(0))).toBe(true)
}, 60_000)

test('as the ordinary user of the image, sluice tells its version and prints tables, without a capability', async () => {
  expect(await run(65532, [], 'version')).toMatchObject({ code: 0, stdout: `${manifest.version}\n` })
  const manifests = path.join(image.root, 'manifests')
  execFileSync('cp', ['-r', 'examples/hello', manifests])
  const words = ['file', '--input', '/manifests', 'to-local', 'to-nft', '--dry-run', '--once']
  const dry = await run(65532, [], ...words)
  expect(dry).toMatchObject({ code: 0, stderr: expect.not.stringContaining('error') as string })
  expect(dry.stdout).toContain('table ip sluice')
})

test('without NET_ADMIN, the agent says what it lacks', async () => {
  const refused = await run(0, [], 'kube', '--server', 'http://127.0.0.1:9', 'to-local', 'to-nft')
  expect(refused.code).not.toBe(0)
  expect(refused.stderr).toContain('CAP_NET_ADMIN')
})

test('with a read-only root and NET_ADMIN alone, the whole agent serves a Service of an API server', async () => {
  await cluster.pods.a2.serve({ protocol: 'http', port: 8080, name: 'a2' })
  const api = new ApiServer()
  await listenIn(cluster.node1, api)
  api.set(
    nodeObject('node-1', CLUSTER.node1),
    service('web', { clusterIPs: [CLUSTER_IP], ports: [{ port: 80 }] }),
    endpointSlice('web', { ports: [{ port: 8080 }], endpoints: [cluster.pods.a2.address] }),
  )
  const runDirectory = mkdtempSync(path.join(tmpdir(), 'sluice-run-'))
  const noSettings = ['--conntrack-tcp-timeout-established', '0', '--conntrack-tcp-timeout-close-wait', '0']
  const sluice = await Instance.start(cluster.node1, {
    command: [...container(0, ['NET_ADMIN'], [runDirectory]), '/usr/bin/sluice'],
    source: ['kube', '--server', api.url],
    runDirectory,
    args: ['--node-name', 'node-1', '--cluster-cidr', CLUSTER.podCIDRs.join(','), ...noSettings],
  })
  const ask = async () =>
    answerOf(await cluster.pods.a1.request({ protocol: 'http', address: CLUSTER_IP, port: 80, timeoutMs: 400 }))
  await until(async () => (await ask()) === 'a2', { timeoutMs: 20_000, everyMs: 20, what: 'an answer of a2' })

  const { pid, problems } = await sluice.status()
  expect(problems).toEqual([])
  const process = readFileSync(`/proc/${pid}/status`, 'utf8')
  expect(process).toMatch(/^CapEff:\t0000000000001000$/m)
  expect(process).toMatch(/^CapBnd:\t0000000000001000$/m)
  expect(process).toMatch(/^NoNewPrivs:\t1$/m)
  expect(readFileSync(`/proc/${pid}/mounts`, 'utf8')).toMatch(/^\S+ \/ \S+ ro,/m)
  expect(process).toMatch(/^Seccomp:\t2$/m)
  expect(await sluice.stop()).toEqual({ code: 0, signal: null })
  expect(await ask()).toBe('a2')
  await sluice.dispose()
  await api.close()
})

test('cleanup from the image removes what the agent made', async () => {
  expect((await countTables(cluster.node1)).chains).toBeGreaterThan(0)
  expect(await run(0, ['NET_ADMIN'], 'cleanup')).toMatchObject({ code: 0 })
  expect(await countTables(cluster.node1)).toEqual({ chains: 0, rules: 0, sets: 0 })
})

test('cleanup --kube-proxy from the image removes rules of iptables-legacy, and without NET_RAW tells that they stay', async () => {
  const input = iptablesMode({ clusterIP: CLUSTER_IP, endpoints: [cluster.pods.a2.address] })
  await cluster.node1.exec('iptables-legacy-restore', ['--noflush'], { input })
  const rules = async () => (await cluster.node1.exec('iptables-legacy-save')).stdout
  expect(await rules()).toContain('KUBE-SERVICES')

  const refused = await run(0, ['NET_ADMIN'], 'cleanup', '--kube-proxy')
  expect(refused.code).toBe(EXIT.skipped)
  expect(refused.stderr).toContain('tables of iptables-legacy')
  expect(await run(0, ['NET_ADMIN', 'NET_RAW'], 'cleanup', '--kube-proxy')).toMatchObject({ code: 0, stderr: '' })
  expect(await rules()).not.toContain('KUBE-')
})
