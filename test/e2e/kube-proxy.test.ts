import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../lab/index.ts'
import { NODE_ADDRESSES, NODE_NAMES, type Target, ThreeNodeCluster } from './cluster.ts'
import { get } from './get.ts'
import { CLUSTER_IP, HTTP, NODE_PORT, webWith } from './services.ts'

// After test/e2e/network/kube_proxy.go of Kubernetes, and of networking.go what is about the proxy itself.

const PODS = ['a1', 'b1', 'c1'] as const
const TARGETS: readonly Target[] = [
  { address: CLUSTER_IP[4], port: 80 },
  { address: CLUSTER_IP[6], port: 80 },
  { address: NODE_ADDRESSES['node-1'][0], port: NODE_PORT },
]

let cluster: ThreeNodeCluster

beforeAll(async () => {
  cluster = await ThreeNodeCluster.create()
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

async function expectServed(): Promise<void> {
  for (const target of TARGETS) expect(await cluster.answers('a2', target, 3), target.address).toEqual(PODS)
}

describe('Networking', () => {
  test.each(['/healthz', '/livez'])('should check kube-proxy urls: %s', async (path) => {
    for (const node of NODE_NAMES) {
      for (const from of [node, 'outside'] as const) {
        const url = `http://${NODE_ADDRESSES[node][0]}:10256${path}`
        expect((await get(cluster.namespace(from), url)).status, `${url} from ${from}`).toBe(200)
      }
    }
  })

  test.each([
    ['the tables are deleted', ['delete table ip sluice', 'delete table ip6 sluice']],
    ['everything is deleted', ['flush ruleset']],
    ['the rules are deleted', ['flush table ip sluice', 'flush table ip6 sluice']],
  ])('should recreate its iptables rules if they are deleted [Disruptive]: %s', async (_, commands) => {
    const clusterIPs = Object.values(CLUSTER_IP)
    await cluster.apply(
      webWith(cluster, PODS, { type: 'NodePort', clusterIPs, ports: [{ ...HTTP, nodePort: NODE_PORT }] }),
    )
    await expectServed()
    const { counts: before } = await cluster.instance('node-1').status()
    await cluster.namespace('node-1').exec('nft', ['-f', '-'], { input: commands.join('\n') })
    await cluster.instance('node-1').waitFor('the repair', ({ counts }) => counts.driftRepaired > before.driftRepaired)
    await until(async () => (await cluster.servers('a2', { address: CLUSTER_IP[6], port: 80 })).length > 0)
    await expectServed()
    for (const other of ['node-2', 'node-3'] as const) {
      expect((await cluster.instance(other).status()).counts.driftRepaired).toBe(0)
    }
  })
})

describe('KubeProxy', () => {
  const PORT = 9999
  const SERVER = `require('net').createServer({ allowHalfOpen: true }, (s) => s.resume()).listen(${PORT}, () => console.log('ready'))`

  // The server never closes its side: its connection waits to be closed, and the kernel forgets it after a minute only,
  // unless it was told otherwise.
  test('should set TCP CLOSE_WAIT timeout [Privileged]', async () => {
    const server = cluster.namespace('b1').spawn(process.execPath, ['-e', SERVER])
    await new Promise((resolve) => server.stdout?.once('data', resolve))
    const address = cluster.addressOf('b1')
    const halfClose = `require('net').connect({ port: ${PORT}, host: '${address}', allowHalfOpen: true }).resume().end()`
    const client = cluster.namespace('a1').spawn(process.execPath, ['-e', halfClose])
    try {
      for (const node of ['node-1', 'node-2'] as const) {
        const seconds = await until(async () => closeWaitSeconds(node), { what: 'CLOSE_WAIT', everyMs: 50 })
        expect(seconds).toBeGreaterThan(3600 - 60)
        expect(seconds).toBeLessThan(3600 + 60)
      }
    } finally {
      client.kill('SIGKILL')
      server.kill('SIGKILL')
    }
  })

  /** Seconds that a node remembers the connection for; undefined while it does not wait to be closed. */
  async function closeWaitSeconds(node: (typeof NODE_NAMES)[number]): Promise<number | undefined> {
    const args = ['-L', '-p', 'tcp', '--dport', String(PORT)]
    const { stdout } = await cluster.namespace(node).exec('conntrack', args)
    const seconds = /^tcp +6 (\d+) CLOSE_WAIT /m.exec(stdout)?.[1]
    return seconds === undefined ? undefined : Number(seconds)
  }
})
