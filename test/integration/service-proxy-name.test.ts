import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ApiServer } from '../apiserver/api-server.ts'
import { listenIn } from '../apiserver/listen-in.ts'
import { nftablesMode } from '../fixtures/kube-proxy.ts'
import { until } from '../lab/index.ts'
import { answerOf, CLUSTER, TestCluster } from '../sluice/cluster.ts'
import type { Instance } from '../sluice/instance.ts'
import { endpointSlice, type Manifest, nodeObject, service } from '../sluice/manifests.ts'

/** Served by the kube-proxy of the node. */
const THEIRS = '10.96.0.30'
const OURS = '10.96.0.40'
/** In the ServiceCIDR, and of no Service: somebody outside of the cluster has it. */
const UNALLOCATED = '10.96.0.200'
const MINE = { 'service.kubernetes.io/service-proxy-name': 'mine' }
const OTHER = { 'service.kubernetes.io/service-proxy-name': 'other' }
const WITH_NAME = ['--service-proxy-name', 'mine']
const SERVICE_CIDR: Manifest = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name: 'kubernetes' },
  spec: { cidrs: ['10.96.0.0/16'] },
}

let cluster: TestCluster
let sluice: Instance | undefined

beforeAll(async () => {
  cluster = await TestCluster.create()
  for (const name of ['a2', 'b1'] as const) await cluster.pods[name].serve({ protocol: 'http', port: 8080, name })
  await cluster.outside.exec('ip', ['address', 'add', `${UNALLOCATED}/32`, 'dev', 'lo'])
  await cluster.outside.exec('ip', ['route', 'add', '10.244.1.0/24', 'via', CLUSTER.node1[0]])
  await cluster.outside.serve({ protocol: 'http', port: 80, name: 'outside' })
  await cluster.node1.exec('ip', ['route', 'add', `${UNALLOCATED}/32`, 'via', CLUSTER.outside[0]])
  const rules = nftablesMode({ clusterIP: THEIRS, endpoints: [cluster.pods.a2.address] })
  await cluster.node1.exec('nft', ['-f', '-'], { input: rules })
})

afterEach(async () => {
  await sluice?.dispose()
  sluice = undefined
})

afterAll(async () => cluster.dispose())

function web(labels: Readonly<Record<string, string>>): Manifest {
  return service('web', { labels, clusterIPs: [OURS], ports: [{ port: 80 }] })
}

function slice(endpoint: string): Manifest {
  return endpointSlice('web', { ports: [{ port: 8080 }], endpoints: [endpoint] })
}

async function answer(address: string): Promise<string> {
  return answerOf(await cluster.pods.a1.request({ protocol: 'http', address, port: 80, timeoutMs: 500 }))
}

async function answers(address: string, expected: string): Promise<void> {
  const what = `${expected} for ${address}`
  await until(async () => (await answer(address)) === expected, { timeoutMs: 20_000, everyMs: 20, what })
}

describe('with the Kubernetes API as its source, Sluice', () => {
  let api: ApiServer

  beforeEach(async () => {
    api = new ApiServer()
    await listenIn(cluster.node1, api)
    api.set(nodeObject('node-1', CLUSTER.node1), SERVICE_CIDR)
  })

  afterEach(async () => api.close())

  async function start(args: readonly string[] = []): Promise<void> {
    sluice = await cluster.sluice({ source: ['kube', '--server', api.url], args })
  }

  test('that has a name serves the Services of that name, as labels come and go, and touches nothing of kube-proxy', async () => {
    api.set(web({}), slice(cluster.pods.b1.address))
    await start(WITH_NAME)
    expect(await answer(THEIRS)).toBe('a2')
    expect(await answer(OURS)).toBe('timeout')
    expect(await answer(UNALLOCATED)).toBe('outside')

    api.set(web(MINE))
    await answers(OURS, 'b1')
    api.set(web(OTHER))
    await answers(OURS, 'timeout')
    api.set(slice(cluster.pods.a2.address))
    api.set(web(MINE))
    await answers(OURS, 'a2')
    api.set(slice(cluster.pods.b1.address))
    await answers(OURS, 'b1')
    expect(await answer(THEIRS)).toBe('a2')
    expect(await answer(UNALLOCATED)).toBe('outside')
    expect((await sluice?.status())?.problems).toEqual([])
  })

  test('without a name leaves Services of others alone, as labels come and go, and drops what no Service has', async () => {
    api.set(web(OTHER), slice(cluster.pods.b1.address))
    await start()
    expect(await answer(OURS)).toBe('timeout')
    api.set(web({}))
    await answers(OURS, 'b1')
    expect(await answer(UNALLOCATED)).toBe('timeout')
    api.set(web(MINE))
    await answers(OURS, 'timeout')
  })
})

test('with files as its source, Sluice keeps to its name, too', async () => {
  const write = (labels: Readonly<Record<string, string>>) => {
    cluster.manifests.write('web.yaml', [web(labels), slice(cluster.pods.b1.address), SERVICE_CIDR])
  }
  write(MINE)
  sluice = await cluster.sluice({ args: WITH_NAME })
  await answers(OURS, 'b1')
  expect(await answer(THEIRS)).toBe('a2')
  expect(await answer(UNALLOCATED)).toBe('outside')
  // An invalid packet may be of the other proxy's connections.
  expect(await table()).not.toContain('ct state invalid')
  write({})
  await answers(OURS, 'timeout')
  write(MINE)
  await answers(OURS, 'b1')
  await sluice.stop()

  // What it left in the kernel is taken over by one without a name.
  sluice = await cluster.sluice()
  await answers(OURS, 'timeout')
  expect(await answer(UNALLOCATED)).toBe('timeout')
  expect(await table()).toContain('ct state invalid')
})

/** Sluice's own, as nft lists it. */
async function table(): Promise<string> {
  return (await cluster.node1.exec('nft', ['list', 'table', 'ip', 'sluice'])).stdout
}
