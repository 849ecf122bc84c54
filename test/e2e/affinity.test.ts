import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../lab/index.ts'
import type { ServiceOptions } from '../sluice/manifests.ts'
import { type ClientName, NODE_ADDRESSES, type Target, ThreeNodeCluster } from './cluster.ts'
import { BALANCER_IP, CLUSTER_IP, HTTP, NODE_PORT, webWith } from './services.ts'

// After test/e2e/network/service.go and loadbalancer.go of Kubernetes. Each node remembers clients on its own, so that all
// requests of a test go the same way.

/** One way to a Service. */
interface Way {
  readonly title: string
  readonly from: ClientName
  readonly target: Target
  readonly options: Partial<ServiceOptions>
  /** Who answers without affinity. */
  readonly pods: readonly string[]
}

const PODS = ['a1', 'a2', 'b1'] as const
const NODE_PORT_OPTIONS = { type: 'NodePort', ports: [{ ...HTTP, nodePort: NODE_PORT }] }
const BALANCER_OPTIONS = { ...NODE_PORT_OPTIONS, type: 'LoadBalancer', ingress: [{ ip: BALANCER_IP }] }

const CLUSTER_IP_WAY: Way = {
  title: 'service with type clusterIP',
  from: 'c2',
  target: { address: CLUSTER_IP[4], port: 80 },
  options: {},
  pods: PODS,
}
const NODE_PORT_WAY: Way = {
  title: 'NodePort service',
  from: 'outside',
  target: { address: NODE_ADDRESSES['node-3'][0], port: NODE_PORT },
  options: NODE_PORT_OPTIONS,
  pods: PODS,
}
const BALANCER_WAY: Way = {
  title: 'LoadBalancer service with Cluster traffic policy',
  from: 'outside',
  target: { address: BALANCER_IP, port: 80 },
  options: BALANCER_OPTIONS,
  pods: PODS,
}
const LOCAL_BALANCER_WAY: Way = {
  ...BALANCER_WAY,
  title: 'LoadBalancer service with Local traffic policy',
  options: { ...BALANCER_OPTIONS, spec: { externalTrafficPolicy: 'Local' } },
  pods: ['a1', 'a2'],
}

const WAYS = [CLUSTER_IP_WAY, NODE_PORT_WAY, BALANCER_WAY, LOCAL_BALANCER_WAY].map((way) => [way.title, way] as const)

let cluster: ThreeNodeCluster

beforeAll(async () => {
  cluster = await ThreeNodeCluster.create()
  await cluster.routeTo(BALANCER_IP, 'node-1')
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

/** Serves with affinity for so many seconds, or without. */
async function serve({ options }: Way, seconds: number | undefined): Promise<void> {
  const affinity =
    seconds === undefined
      ? { sessionAffinity: 'None' }
      : { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: seconds } } }
  await cluster.apply(webWith(cluster, PODS, { ...options, spec: { ...options.spec, ...affinity } }))
}

async function answers({ from, target }: Way): Promise<string[]> {
  return cluster.answersWithAffinity(from, target, 3)
}

describe('Services', () => {
  test.each(WAYS)('should have session affinity work for %s [LinuxOnly]', async (_, way) => {
    await serve(way, 10_800)
    const first = await answers(way)
    expect(first).toHaveLength(1)
    expect(way.pods).toContain(first[0])
    expect(await answers(way)).toEqual(first)
  })

  test.each(WAYS)('should be able to switch session affinity for %s [LinuxOnly]', async (_, way) => {
    await serve(way, 10_800)
    expect(await answers(way)).toHaveLength(1)
    await serve(way, undefined)
    expect(await answers(way)).toEqual(way.pods)
    await serve(way, 10_800)
    expect(await answers(way)).toHaveLength(1)
  })

  test.each(WAYS.slice(0, 2))('should have session affinity timeout work for %s [LinuxOnly]', async (_, way) => {
    await serve(way, undefined)
    await serve(way, 2)
    const [first] = await answers(way)
    const hasMoved = async (): Promise<boolean> => {
      await delay(2500)
      const [answer, ...others] = await answers(way)
      expect(others).toEqual([]) // it sticks to the next one, too
      return answer !== first
    }
    // The same one is drawn again 10 times with a chance of 1 in 59,049.
    await until(hasMoved, { timeoutMs: 27_000, what: 'another endpoint after the timeout' })
  })
})
