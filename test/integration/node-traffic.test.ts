import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Namespace } from '../lab/index.ts'
import { answerOf, CLUSTER, POD_NAMES, TestCluster } from '../sluice/cluster.ts'
import type { Instance } from '../sluice/instance.ts'
import { endpointSlice, type Manifest, nodeObject, service } from '../sluice/manifests.ts'

// What the node does with traffic that is no Service's, how it tells its pods, and who may use a load balancer from it.

const CLUSTER_IPS = ['10.96.0.40', 'fd00:10:96::40']
const LOAD_BALANCER_IP = '198.51.100.40'
const REMOTE = { addresses: ['10.244.2.1', 'fd00:10:244:2::1'], nodeName: 'node-2' }
/** Answers come back by the node also when the client was not masqueraded. */
const LOCAL = { addresses: ['10.244.1.2', 'fd00:10:244:1::2'], nodeName: 'node-1' }

const repeated = (verdict: string, times: number) => Array.from({ length: times }, () => verdict)

let cluster: TestCluster

beforeAll(async () => {
  cluster = await TestCluster.create()
  for (const name of POD_NAMES) await cluster.pods[name].serve({ protocol: 'http', port: 8080, name })
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

function web(spec: Manifest = {}, endpoints = REMOTE): Manifest[] {
  return [
    service('web', {
      type: 'LoadBalancer',
      clusterIPs: CLUSTER_IPS,
      ports: [{ name: 'http', port: 80 }],
      ingress: [{ ip: LOAD_BALANCER_IP }],
      spec,
    }),
    ...endpoints.addresses.map((address) =>
      endpointSlice('web', { ...endpoints, ports: [{ name: 'http', port: 8080 }], endpoints: [address] }),
    ),
  ]
}

async function verdict(from: Namespace, address: string, port = 80, timeoutMs = 700): Promise<string> {
  return answerOf(await from.request({ protocol: 'http', address, port, timeoutMs }))
}

async function clientSeen(from: Namespace, address: string): Promise<string> {
  const result = await from.request({ protocol: 'http', address, port: 80 })
  return result.verdict === 'answered' ? result.client : result.verdict
}

const serviceCIDRs = (...cidrs: string[]): Manifest => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name: 'kubernetes' },
  spec: { cidrs },
})

describe('addresses of a ServiceCIDR that no Service has (promises 51 and 52)', () => {
  let sluice: Instance
  /** Without Sluice, the packets would go to node 2, which refuses them. */
  const elsewhere = ['10.96.0.99', 'fd00:10:96::99', '10.97.0.99']

  beforeAll(async () => {
    for (const address of elsewhere) {
      await cluster.node1.route(address, address.includes(':') ? CLUSTER.node2[1] : CLUSTER.node2[0])
      await cluster.node2.ip(`address add ${address} dev lo`)
    }
    sluice = await cluster.sluice()
    await cluster.apply(sluice, 'web.yaml', web())
  })

  afterAll(async () => {
    cluster.manifests.remove('cidrs.yaml')
    await sluice.dispose()
  })

  const verdicts = async () => {
    const found: string[] = []
    for (const address of elsewhere) {
      found.push(await verdict(cluster.pods.a1, address), await verdict(cluster.node1, address))
    }
    return found
  }

  test('are left alone as long as no ServiceCIDR is known', async () => {
    expect(await verdicts()).toEqual(repeated('refused', 6))
  })

  test('are dropped, in every ServiceCIDR as they come and go', async () => {
    await cluster.apply(sluice, 'cidrs.yaml', [serviceCIDRs('10.96.0.0/16', 'fd00:10:96::/112')])
    expect(await verdicts()).toEqual([...repeated('timeout', 4), 'refused', 'refused'])
    await cluster.apply(sluice, 'cidrs.yaml', [serviceCIDRs('10.96.0.0/12', 'fd00:10:96::/112')])
    expect(await verdicts()).toEqual(repeated('timeout', 6))
    await cluster.apply(sluice, 'cidrs.yaml', [serviceCIDRs('10.97.0.0/16')])
    expect(await verdicts()).toEqual([...repeated('refused', 4), 'timeout', 'timeout'])
  })

  test('Services there are served, and their other ports refused', async () => {
    await cluster.apply(sluice, 'cidrs.yaml', [serviceCIDRs('10.96.0.0/12', 'fd00:10:96::/112')])
    for (const address of CLUSTER_IPS) {
      expect(await verdict(cluster.pods.a1, address)).toBe('b1')
      expect(await verdict(cluster.pods.a1, address, 81, 5000)).toBe('refused')
    }
  })
})

describe('the load-balancer address as a client (promise 58)', () => {
  let sluice: Instance
  const onNode = `${LOAD_BALANCER_IP}/32 dev lo`

  beforeAll(async () => {
    await cluster.node1.ip(`address add ${onNode}`)
    sluice = await cluster.sluice()
  })

  afterAll(async () => {
    await sluice.dispose()
    await cluster.node1.ip(`address delete ${onNode}`)
  })

  test.each([
    ['is admitted where the node is', ['192.168.50.0/24'], 'b1'],
    ['is not admitted otherwise', ['203.0.113.0/24'], 'timeout'],
  ])('%s', async (_, loadBalancerSourceRanges, expected) => {
    await cluster.apply(sluice, 'web.yaml', web({ loadBalancerSourceRanges }))
    // The node holds the address, and so it sends from it.
    expect(await verdict(cluster.node1, LOAD_BALANCER_IP)).toBe(expected)
  })

  test('follows the addresses of the node', async () => {
    await cluster.apply(sluice, 'web.yaml', web({ loadBalancerSourceRanges: ['172.16.0.0/12'] }))
    expect(await verdict(cluster.node1, LOAD_BALANCER_IP)).toBe('timeout')
    await cluster.apply(sluice, 'node.yaml', [nodeObject('node-1', ['172.16.1.1', ...CLUSTER.node1])])
    expect(await verdict(cluster.node1, LOAD_BALANCER_IP)).toBe('b1')
    await cluster.apply(sluice, 'node.yaml', [nodeObject('node-1', CLUSTER.node1)])
    await cluster.apply(sluice, 'web.yaml', web())
  })
})

describe('how pods are told (promise 65)', () => {
  /** What an endpoint sees of a pod and of a client outside that ask a cluster IP. */
  async function clients(sluice: Instance): Promise<{ pod: string; outside: string }> {
    await cluster.apply(sluice, 'web.yaml', web({}, LOCAL))
    for (const address of CLUSTER_IPS) {
      await cluster.outside.route(address, address.includes(':') ? CLUSTER.node1[1] : CLUSTER.node1[0])
    }
    const [address = ''] = CLUSTER_IPS
    return { pod: await clientSeen(cluster.pods.a1, address), outside: await clientSeen(cluster.outside, address) }
  }

  const told = { pod: '10.244.1.1', outside: CLUSTER.node1[0] }
  const untold = { pod: '10.244.1.1', outside: CLUSTER.outside[0] }

  test.each<[string, string[], object]>([
    ['by nothing', [], untold],
    ["by the cluster's CIDRs", ['--cluster-cidr', CLUSTER.podCIDRs.join(',')], told],
    [
      'by the names of interfaces',
      ['--detect-local-mode', 'InterfaceNamePrefix', '--pod-interface-name-prefix', 'pod'],
      told,
    ],
    [
      'by other names',
      ['--detect-local-mode', 'InterfaceNamePrefix', '--pod-interface-name-prefix', 'cali'],
      {
        pod: CLUSTER.node1[0],
        outside: CLUSTER.node1[0],
      },
    ],
    ['by one interface', ['--detect-local-mode', 'BridgeInterface', '--pod-bridge-interface', 'pod0'], told],
    [
      'by another interface',
      ['--detect-local-mode', 'BridgeInterface', '--pod-bridge-interface', 'pod'],
      {
        pod: CLUSTER.node1[0],
        outside: CLUSTER.node1[0],
      },
    ],
  ])('%s', async (_, detector, expected) => {
    const sluice = await cluster.sluice({ detector })
    expect(await clients(sluice)).toEqual(expected)
    await sluice.dispose()
  })

  test('pods are short-circuited by interface, too (promise 42)', async () => {
    const detector = ['--detect-local-mode', 'InterfaceNamePrefix', '--pod-interface-name-prefix', 'pod']
    const sluice = await cluster.sluice({ detector })
    await cluster.apply(sluice, 'web.yaml', web({ externalTrafficPolicy: 'Local' }))
    await cluster.outside.route(LOAD_BALANCER_IP, CLUSTER.node1[0])
    expect(await verdict(cluster.pods.a1, LOAD_BALANCER_IP)).toBe('b1')
    expect(await verdict(cluster.outside, LOAD_BALANCER_IP)).toBe('timeout')
    await cluster.apply(sluice, 'web.yaml', web())
    await sluice.dispose()
  })

  test("by the node's own CIDRs, for which it waits, and which it follows", async () => {
    const withPodCIDRs = (...podCIDRs: string[]): Manifest => ({
      ...nodeObject('node-1', CLUSTER.node1),
      spec: { podCIDR: podCIDRs[0], podCIDRs },
    })
    const { Instance: SluiceInstance } = await import('../sluice/instance.ts')
    const args = ['--node-name', 'node-1', '--detect-local-mode', 'NodeCIDR', '--min-sync-period', '0s']
    const sluice = SluiceInstance.spawn(cluster.node1, { input: cluster.manifests.path, args })
    await expect.poll(() => sluice.output, { timeout: 10_000 }).toContain('waiting for the podCIDRs')
    expect((await sluice.status()).state).toBe('loading')
    cluster.manifests.write('node.yaml', [withPodCIDRs('10.244.1.0/24', 'fd00:10:244:1::/64')])
    await expect.poll(async () => (await sluice.status()).state, { timeout: 10_000 }).toBe('serving')
    expect(await clients(sluice)).toEqual(told)
    const transactions = async () => (await sluice.status()).counts.transactions
    const before = await transactions()
    await cluster.apply(sluice, 'node.yaml', [withPodCIDRs('10.244.9.0/24')])
    expect(await clients(sluice)).toEqual({ pod: CLUSTER.node1[0], outside: CLUSTER.node1[0] })
    expect((await transactions()) - before).toBe(2)
    await cluster.apply(sluice, 'node.yaml', [nodeObject('node-1', CLUSTER.node1)])
    expect(await clients(sluice)).toEqual(untold)
    await sluice.dispose()
  })
})

describe('--own-tables', () => {
  test('nobody else can change the tables; a restart takes them over', async () => {
    await cluster.node1.exec('nft', ['flush', 'ruleset'])
    const first = await cluster.sluice({ args: ['--own-tables'] })
    await cluster.apply(first, 'web.yaml', web())
    const remove = () => cluster.node1.exec('nft', ['delete', 'table', 'ip', 'sluice'], { allowFailure: true })
    expect((await remove()).stderr).toContain('Operation not permitted')
    await cluster.node1.exec('nft', ['flush', 'ruleset'])
    expect(await verdict(cluster.pods.a1, CLUSTER_IPS[0] ?? '')).toBe('b1')
    await first.stop('SIGKILL')
    expect(await verdict(cluster.pods.a1, CLUSTER_IPS[0] ?? '')).toBe('b1')
    const second = await cluster.sluice({ args: ['--own-tables'] })
    // Only what says whose the tables are.
    expect((await second.status()).counts.transactions).toBe(2)
    expect((await remove()).stderr).toContain('Operation not permitted')
    await second.stop()
    // Without the option they are made anew, each in one transaction, and are anybody's again.
    const third = await cluster.sluice()
    expect(await verdict(cluster.pods.a1, CLUSTER_IPS[0] ?? '')).toBe('b1')
    expect((await remove()).code).toBe(0)
    for (const instance of [first, second, third]) await instance.dispose()
  })
})
