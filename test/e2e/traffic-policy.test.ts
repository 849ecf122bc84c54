import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLUSTER } from '../sluice/cluster.ts'
import type { ServiceOptions } from '../sluice/manifests.ts'
import { type ClientName, NODE_ADDRESSES, NODE_NAMES, type NodeName, type Target, ThreeNodeCluster } from './cluster.ts'
import { type Backend, CLUSTER_IP, HTTP, NODE_PORT, TERMINATING, UNREADY_TERMINATING, webWith } from './services.ts'

// After test/e2e/network/service.go of Kubernetes: what depends on where an endpoint runs.

const WEB: Target = { address: CLUSTER_IP[4], port: 80 }

let cluster: ThreeNodeCluster

beforeAll(async () => {
  cluster = await ThreeNodeCluster.create()
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

async function serve(policy: ServiceOptions['spec'], ...backends: Backend[]): Promise<void> {
  const ports = [{ ...HTTP, nodePort: NODE_PORT }]
  await cluster.apply(webWith(cluster, backends, { type: 'NodePort', ports, spec: policy ?? {} }))
}

function nodePort(node: NodeName): Target {
  return { address: NODE_ADDRESSES[node][0], port: NODE_PORT }
}

/** That each client gets these answers. */
async function expectAnswers(target: Target, expected: Partial<Record<ClientName, readonly string[]>>): Promise<void> {
  const checks = Object.entries(expected).map(async ([from, answers]) => {
    expect(await cluster.answers(from as ClientName, target, answers.length), from).toEqual(answers)
  })
  await Promise.all(checks)
}

/** That the client outside gets these answers from each node. */
async function expectAtNodes(expected: Readonly<Record<NodeName, readonly string[]>>): Promise<void> {
  await Promise.all(NODE_NAMES.map((node) => expectAnswers(nodePort(node), { outside: expected[node] })))
}

const TIMEOUT = ['timeout']
const REFUSED = ['refused']

describe('Services', () => {
  test('should respect internalTrafficPolicy=Local Pod to Pod', async () => {
    await serve({ internalTrafficPolicy: 'Local' }, 'a1')
    await expectAnswers(WEB, { a1: ['a1'], a2: ['a1'], b1: TIMEOUT, c1: TIMEOUT })
    await serve({ internalTrafficPolicy: 'Local' }, 'a1', 'b1')
    await expectAnswers(WEB, { a2: ['a1'], b2: ['b1'], c1: TIMEOUT })
  })

  test('should respect internalTrafficPolicy=Local Pod (hostNetwork: true) to Pod', async () => {
    await serve({ internalTrafficPolicy: 'Local' }, 'a1')
    await expectAnswers(WEB, { 'node-1': ['a1'], 'node-2': TIMEOUT, 'node-3': TIMEOUT })
  })

  test('should respect internalTrafficPolicy=Local Pod and Node, to Pod (hostNetwork: true)', async () => {
    await serve({ internalTrafficPolicy: 'Local' }, 'node-1')
    await expectAnswers(WEB, { a2: ['node-1'], 'node-1': ['node-1'], b1: TIMEOUT, 'node-2': TIMEOUT })
  })

  test('should fallback to terminating endpoints when there are no ready endpoints with internalTrafficPolicy=Cluster', async () => {
    await serve({ internalTrafficPolicy: 'Cluster' }, { pod: 'a1', ...TERMINATING })
    await expectAnswers(WEB, { a2: ['a1'], b1: ['a1'], 'node-3': ['a1'] })
    // As soon as there is a ready one, it is the only one; and what fails its probe never serves.
    await serve({ internalTrafficPolicy: 'Cluster' }, { pod: 'a1', ...TERMINATING }, 'c1')
    await expectAnswers(WEB, { a2: ['c1'], b1: ['c1'], 'node-3': ['c1'] })
    await serve({ internalTrafficPolicy: 'Cluster' }, { pod: 'a1', ...UNREADY_TERMINATING })
    await expectAnswers(WEB, { a2: REFUSED, b1: REFUSED, 'node-3': REFUSED })
  })

  test('should fallback to local terminating endpoints when there are no ready endpoints with internalTrafficPolicy=Local', async () => {
    await serve({ internalTrafficPolicy: 'Local' }, { pod: 'a1', ...TERMINATING })
    await expectAnswers(WEB, { a2: ['a1'], 'node-1': ['a1'], b1: TIMEOUT, 'node-2': TIMEOUT })
    await serve({ internalTrafficPolicy: 'Local' }, { pod: 'a1', ...TERMINATING }, 'a2', { pod: 'b1', ...TERMINATING })
    await expectAnswers(WEB, { a1: ['a2'], b2: ['b1'] })
  })
})

describe('Services', () => {
  test('should support externalTrafficPolicy=Local for type=NodePort', async () => {
    await serve({ externalTrafficPolicy: 'Local' }, 'a1')
    await expectAtNodes({ 'node-1': ['a1'], 'node-2': TIMEOUT, 'node-3': TIMEOUT })
    expect(await cluster.clientSeen('outside', nodePort('node-1'))).toBe(CLUSTER.outside[0])
    // A pod asks its own node's port, which is short-circuited (promise 42).
    await expectAnswers(nodePort('node-2'), { b1: ['a1'], 'node-2': ['a1'] })
  })

  test('should fallback to terminating endpoints when there are no ready endpoints with externallTrafficPolicy=Cluster', async () => {
    await serve({ externalTrafficPolicy: 'Cluster' }, { pod: 'a1', ...TERMINATING })
    await expectAtNodes({ 'node-1': ['a1'], 'node-2': ['a1'], 'node-3': ['a1'] })
    await serve({ externalTrafficPolicy: 'Cluster' }, { pod: 'a1', ...TERMINATING }, 'c1')
    await expectAtNodes({ 'node-1': ['c1'], 'node-2': ['c1'], 'node-3': ['c1'] })
  })

  test('should fallback to local terminating endpoints when there are no ready endpoints with externalTrafficPolicy=Local', async () => {
    await serve(
      { externalTrafficPolicy: 'Local' },
      { pod: 'a1', ...TERMINATING },
      { pod: 'b1', ...UNREADY_TERMINATING },
    )
    await expectAtNodes({ 'node-1': ['a1'], 'node-2': TIMEOUT, 'node-3': TIMEOUT })
    await serve({ externalTrafficPolicy: 'Local' }, { pod: 'a1', ...TERMINATING }, 'a2', { pod: 'b1', ...TERMINATING })
    await expectAtNodes({ 'node-1': ['a2'], 'node-2': ['b1'], 'node-3': TIMEOUT })
  })
})
