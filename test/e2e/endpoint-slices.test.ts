import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { endpointSlice } from '../sluice/manifests.ts'
import { type ClientName, ThreeNodeCluster } from './cluster.ts'
import { CLIENTS, CLUSTER_IP, HTTP, web } from './services.ts'

// After test/e2e/network/endpointslice.go and endpointslicemirroring.go of Kubernetes: slices that no controller made.

const PORTS = [HTTP, { name: 'http-alt', port: 81 }]

let cluster: ThreeNodeCluster

beforeAll(async () => {
  cluster = await ThreeNodeCluster.create()
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

function slice(name: string, pods: readonly ('a1' | 'b1')[], ...ports: readonly { name: string; port: number }[]) {
  return endpointSlice('web', { name, ports, endpoints: pods.map((pod) => cluster.addressOf(pod)) })
}

async function expectAnswers(port: number, answers: readonly string[]): Promise<void> {
  const target = { address: CLUSTER_IP[4], port }
  const check = async (from: ClientName): Promise<void> => {
    expect(await cluster.answers(from, target, 2), from).toEqual(answers)
  }
  await Promise.all(CLIENTS.map(check))
}

const SERVERS = [
  { name: 'http', port: 8080 },
  { name: 'http-alt', port: 8081 },
] as const

describe('EndpointSlice', () => {
  test('should support a Service with multiple endpoint IPs specified in multiple EndpointSlices [Conformance]', async () => {
    await cluster.apply([
      web({ ports: PORTS }),
      slice('custom-1', ['a1'], ...SERVERS),
      slice('custom-2', ['b1'], ...SERVERS),
    ])
    await expectAnswers(80, ['a1', 'b1'])
    await expectAnswers(81, ['a1 alt', 'b1 alt'])
  })

  test('should support a Service with multiple ports specified in multiple EndpointSlices [Conformance]', async () => {
    const [http, alternative] = SERVERS
    await cluster.apply([
      web({ ports: PORTS }),
      slice('custom-1', ['a1'], http),
      slice('custom-2', ['a1'], alternative),
    ])
    await expectAnswers(80, ['a1'])
    await expectAnswers(81, ['a1 alt'])
  })
})

describe('EndpointSliceMirroring', () => {
  test('should mirror a custom Endpoint with multiple subsets and same IP address', async () => {
    // What the mirroring controller makes of it: a slice for each set of ports, one address in both.
    await cluster.apply([
      web({ ports: PORTS }),
      slice('mirrored-1', ['a1'], { name: 'http', port: 8081 }),
      slice('mirrored-2', ['a1', 'b1'], { name: 'http-alt', port: 8080 }),
    ])
    await expectAnswers(80, ['a1 alt'])
    await expectAnswers(81, ['a1', 'b1'])
  })
})
