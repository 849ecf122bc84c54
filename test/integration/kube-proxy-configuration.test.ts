import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ApiServer } from '../apiserver/api-server.ts'
import { listenIn } from '../apiserver/listen-in.ts'
import { ask } from '../sluice/ask.ts'
import { answerOf, CLUSTER, TestCluster } from '../sluice/cluster.ts'
import { countTables, Instance } from '../sluice/instance.ts'
import { endpointSlice, nodeObject, service } from '../sluice/manifests.ts'
import { SLUICE } from '../sluice/process.ts'

const CLUSTER_IP = '10.96.0.97'
const COMMAND = ['kube', 'to-local', 'to-nft']

let cluster: TestCluster
let api: ApiServer
let directory: string
let config: string
let sluice: Instance | undefined

beforeAll(async () => {
  cluster = await TestCluster.create()
  await cluster.pods.a2.serve({ protocol: 'http', port: 8080, name: 'a2' })
  api = new ApiServer()
  await listenIn(cluster.node1, api)
  api.set(
    nodeObject('node-1', CLUSTER.node1),
    service('web', { clusterIPs: [CLUSTER_IP], ports: [{ port: 80 }] }),
    endpointSlice('web', { ports: [{ port: 8080 }], endpoints: [cluster.pods.a2.address] }),
  )
}, 60_000)

afterAll(async () => {
  await api.close()
  await cluster.dispose()
})

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-config-'))
  config = path.join(directory, 'config.conf')
  writeFileSync(path.join(directory, 'kubeconfig'), kubeconfig())
  mountConfigMap('..first', configuration())
  symlinkSync(path.join('..data', 'config.conf'), config)
})

afterEach(async () => {
  await sluice?.dispose()
  sluice = undefined
  rmSync(directory, { recursive: true, force: true })
})

/** As kubeadm has it, in mode iptables, with the kubeconfig beside it. */
function configuration(): string {
  const fixture = new URL('../fixtures/kube-proxy-configuration/kubeadm.yaml', import.meta.url)
  return (
    readFileSync(fixture, 'utf8')
      .replace('/var/lib/kube-proxy/kubeconfig.conf', path.join(directory, 'kubeconfig'))
      .replace('maxPerCore: null', 'maxPerCore: 0')
      .replace('10.244.0.0/16', CLUSTER.podCIDRs.join(','))
      .replace('mode: ""', 'mode: iptables')
      // To lower it needs a right that not every machine for tests gives.
      .replace('oomScoreAdj: null', 'oomScoreAdj: 500')
  )
}

function kubeconfig(): string {
  return `
current-context: test
contexts: [{ name: test, context: { cluster: test, user: proxy } }]
clusters: [{ name: test, cluster: { server: '${api.url}' } }]
users: [{ name: proxy, user: { token: t } }]
`
}

/** As kubelet updates a mounted ConfigMap: a new folder, and then a link that is renamed. */
function mountConfigMap(name: string, content: string): void {
  mkdirSync(path.join(directory, name))
  writeFileSync(path.join(directory, name, 'config.conf'), content)
  symlinkSync(name, path.join(directory, '..data_tmp'))
  renameSync(path.join(directory, '..data_tmp'), path.join(directory, '..data'))
}

async function start(...args: string[]): Promise<Instance> {
  sluice = await Instance.start(cluster.node1, {
    source: ['kube', '--config', config, '--hostname-override=node-1'],
    args,
  })
  return sluice
}

async function run(...args: string[]) {
  const place = ['--run-dir', directory, '--instance', 'once']
  return cluster.node1.exec(SLUICE, [...COMMAND, ...place, ...args], { allowFailure: true })
}

async function oomScore(instance: Instance): Promise<string> {
  const { pid } = await instance.status()
  return readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()
}

async function answer(): Promise<string> {
  return answerOf(await cluster.pods.a1.request({ protocol: 'http', address: CLUSTER_IP, port: 80, timeoutMs: 1000 }))
}

test("Sluice serves with kubeadm's file, and ends when the mounted file changes; packets go on (promise 97)", async () => {
  const instance = await start()
  expect(await answer()).toBe('a2')
  expect(await instance.status()).toMatchObject({ nodeName: 'node-1' })
  expect(await oomScore(instance)).toBe('500')
  const said = instance.output.split('\n').filter((line) => line.includes('do not apply'))
  expect(said).toHaveLength(1)
  expect(said[0]).toContain('"mode"')
  const shown = await ask(cluster.node1, 'http://127.0.0.1:10249/configz')
  expect(JSON.parse(typeof shown === 'string' ? 'null' : shown.body)).toMatchObject({
    'kubeproxy.config.k8s.io': { mode: 'nftables', hostnameOverride: 'node-1', oomScoreAdj: 500 },
  })

  utimesSync(config, new Date(), new Date())
  mountConfigMap('..same', configuration())
  // Longer than the watch takes to settle: nothing tells that it decided to do nothing.
  await delay(1500)
  expect(instance.process.exitCode).toBeNull()

  mountConfigMap('..second', configuration().replace('mode: iptables', 'mode: nftables'))
  expect(await instance.ended()).toEqual({ code: 7, signal: null })
  expect(instance.output).toContain('the configuration file has changed')
  expect(await answer()).toBe('a2')
}, 60_000)

test('Sluice ends when its configuration file is deleted; unknown fields and a score that the kernel refuses are warnings', async () => {
  mountConfigMap('..default', configuration().replace('oomScoreAdj: 500', 'oomScoreAdj: null\nudpIdleTimeout: 250ms'))
  const instance = await start()
  const isRefused = instance.output.includes('oomScoreAdj is left as it is')
  expect(await oomScore(instance)).toBe(isRefused ? readFileSync('/proc/self/oom_score_adj', 'utf8').trim() : '-999')
  expect(instance.output).toContain('udpIdleTimeout is unknown: passed over')
  rmSync(config)
  expect(await instance.ended()).toEqual({ code: 7, signal: null })
  expect(instance.output).toContain('the configuration file does not exist')
}, 60_000)

test("--bind-address is the node's primary address of its family, with its Node object and without", async () => {
  const [, own6] = CLUSTER.node1
  for (const name of ['node-1', 'nobody']) {
    const flags = ['--master', api.url, '--node-name', name, '--bind-address=10.99.0.1']
    const instance = await Instance.start(cluster.node1, { source: ['kube', ...flags] })
    const { nodeAddresses } = await instance.waitFor('its addresses', (status) => status.nodeAddresses.length > 0)
    expect(nodeAddresses).toContain('10.99.0.1')
    expect(nodeAddresses).toContain(own6)
    if (name === 'node-1') expect(nodeAddresses).not.toContain(CLUSTER.node1[0])
    await instance.dispose()
  }
}, 60_000)

test('a file with wrong values: all are named, and nothing is done', async () => {
  writeFileSync(
    `${config}.wrong`,
    configuration().replace('oomScoreAdj: 500', 'oomScoreAdj: 5000').replace('iptables\n', 'x\n'),
  )
  const { code, stderr } = await run('--config', `${config}.wrong`)
  expect(code).toBe(2)
  expect(stderr).toContain('oomScoreAdj: 5000 must be a whole number from -1000 to 1000')
  expect(stderr).toContain('mode: "x" must be iptables, ipvs or nftables')
})

test('--write-config-to writes what is in effect, which is a configuration file again', async () => {
  const target = path.join(directory, 'written.yaml')
  expect(await run('--config', config, '--sync-period', '7s', '--write-config-to', target)).toMatchObject({ code: 0 })
  const written = readFileSync(target, 'utf8')
  expect(written).toContain('mode: nftables')
  const again = path.join(directory, 'again.yaml')
  expect(await run('--config', target, '--write-config-to', again)).toMatchObject({ code: 0, stderr: '' })
  expect(readFileSync(again, 'utf8')).toBe(written)
  const nowhere = await run('--write-config-to', path.join(directory, 'none', 'x'))
  expect(nowhere).toMatchObject({ code: 2 })
  expect(nowhere.stderr).toContain('--write-config-to')
})

test("--init-only sets the kernel's limits and exits, and --cleanup gives them back and deletes what was made", async () => {
  const established = async () => {
    const { stdout } = await cluster.node1.exec('cat', ['/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established'])
    return Number(stdout)
  }
  const before = await established()
  const limits = ['--conntrack-max-per-core=0', '--conntrack-tcp-timeout-close-wait=0']
  const init = await run('--init-only', ...limits, '--conntrack-tcp-timeout-established=2h3m')
  expect(init).toMatchObject({ code: 0, stderr: '' })
  expect(await established()).toBe(7380)
  await cluster.node1.exec('nft', ['add table ip kube-proxy; add chain ip kube-proxy services'])
  await (await start()).stop()
  expect((await countTables(cluster.node1)).chains).toBeGreaterThan(0)
  const { code, stdout } = await run('--cleanup')
  expect(code).toBe(0)
  expect(stdout).toContain('kube-proxy')
  expect((await cluster.node1.exec('nft', ['list', 'tables'])).stdout).toBe('')
  expect(await established()).toBe(before)
}, 60_000)
