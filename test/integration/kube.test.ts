import { afterAll, beforeAll, expect, test } from 'vitest'
import { FakeApiServer } from '../fixtures/fake-api-server.ts'
import { until } from '../lab/index.ts'
import { answerOf, CLUSTER, TestCluster } from '../sluice/cluster.ts'
import { Instance } from '../sluice/instance.ts'
import { endpointSlice, nodeObject, service } from '../sluice/manifests.ts'

const CLUSTER_IP = '10.96.0.40'
const OPTIONS = ['--node-name', 'node-1', '--cluster-cidr', CLUSTER.podCIDRs.join(','), '--min-sync-period', '0s']

let cluster: TestCluster
let api: FakeApiServer
let sluice: Instance | undefined

beforeAll(async () => {
  cluster = await TestCluster.create()
  for (const name of ['a2', 'b1'] as const) await cluster.pods[name].serve({ protocol: 'http', port: 8080, name })
  api = new FakeApiServer()
  await listen()
  api.set(nodeObject('node-1', CLUSTER.node1))
}, 60_000)

afterAll(async () => {
  await sluice?.dispose()
  await api.close()
  await cluster.dispose()
})

/** The socket is made in the node's namespace, and stays there. */
async function listen(): Promise<void> {
  let listening: Promise<void> | undefined
  cluster.node1.inNamespace(() => {
    listening = api.listen()
  })
  await listening
}

function web(endpoint: string) {
  return [
    service('web', { clusterIPs: [CLUSTER_IP], ports: [{ port: 80 }] }),
    endpointSlice('web', { ports: [{ port: 8080 }], endpoints: [endpoint] }),
  ]
}

async function answer(): Promise<string> {
  return answerOf(await cluster.pods.a1.request({ protocol: 'http', address: CLUSTER_IP, port: 80, timeoutMs: 400 }))
}

async function answers(name: string): Promise<void> {
  await until(async () => (await answer()) === name, { timeoutMs: 20_000, everyMs: 20, what: `an answer of ${name}` })
}

test('packets follow the API server, go on while it is away, and follow it again when it is back', async () => {
  sluice = await Instance.start(cluster.node1, { source: ['kube', '--server', api.url], args: OPTIONS })
  api.set(...web(cluster.pods.a2.address))
  await answers('a2')

  await api.close()
  await sluice.waitFor('the outage told', ({ problems }) => problems.length === 4)
  expect(await answer()).toBe('a2')

  api.set(...web(cluster.pods.b1.address))
  await listen()
  await answers('b1')
  await sluice.waitFor('no problem left', ({ problems }) => problems.length === 0, 40_000)
  expect(api.seen('services', 'list')).toHaveLength(1)
  expect(await sluice.stop()).toEqual({ code: 0, signal: null })
})

test('Sluice that waits for the API server ends when it is told to', async () => {
  const waiting = Instance.spawn(cluster.node1, { source: ['kube', '--server', 'http://127.0.0.1:9'], args: OPTIONS })
  await until(async () => waiting.output.includes('ECONNREFUSED'), { timeoutMs: 20_000, everyMs: 20, what: 'its log' })
  expect(await waiting.stop()).toEqual({ code: 0, signal: null })
  await waiting.dispose()
})
