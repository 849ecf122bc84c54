import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { IPPROTO_TCP, RawSocket } from '../lab/agent/raw-socket.ts'
import { until } from '../lab/index.ts'
import { answerOf } from '../sluice/cluster.ts'
import { type Manifest, service } from '../sluice/manifests.ts'
import {
  type ClientName,
  NODE_ADDRESSES,
  type NodeName,
  type PodName,
  type Target,
  ThreeNodeCluster,
} from './cluster.ts'
import {
  BALANCER_IP,
  type Backend,
  CLUSTER_IP,
  NODE_PORT,
  slicesOf,
  UDP,
  UNREADY,
  UNREADY_TERMINATING,
  web,
} from './services.ts'
import { decodeTcp, encodeTcp, FLAG, type TcpSegment } from './tcp-segment.ts'

// After test/e2e/network/conntrack.go of Kubernetes. The clients send from one port all the time, so that each datagram
// belongs to the connection that the kernel remembers, and is not sent anew to an endpoint.

const SOURCE_PORT = 12345
const BOOM_PORT = 9000
/** Below the ports that the kernel gives to clients. */
const UNUSED_PORT = 20_000

let cluster: ThreeNodeCluster

beforeAll(async () => {
  cluster = await ThreeNodeCluster.create()
}, 60_000)

afterAll(async () => {
  await cluster.dispose()
})

const CLUSTER_IP_TARGET: Target = { address: CLUSTER_IP[4], port: 80 }
const NODE_PORT_TARGET: Target = { address: NODE_ADDRESSES['node-2'][0], port: NODE_PORT }
const BALANCER_TARGET: Target = { address: BALANCER_IP, port: 80 }

/** A UDP Service of every type at once. */
function udpService(): Manifest {
  return web({ type: 'LoadBalancer', ports: [{ ...UDP, nodePort: NODE_PORT }], ingress: [{ ip: BALANCER_IP }] })
}

async function serve(...backends: readonly Backend[]): Promise<void> {
  await cluster.apply([udpService(), ...slicesOf(cluster, 'web', backends)])
}

async function send(from: ClientName, target: Target): Promise<string> {
  const spec = { ...target, protocol: 'udp', sourcePort: SOURCE_PORT, timeoutMs: 300 } as const
  return answerOf(await cluster.namespace(from).request(spec))
}

/**
 * Sends without pause, as a client that does not give up, until the answer is as wanted. What goes on for 5 seconds stays so:
 * each datagram renews what the kernel remembers.
 */
async function expectAnswer(from: ClientName, target: Target, answer: string): Promise<void> {
  let last = ''
  const isThere = async (): Promise<boolean> => {
    last = await send(from, target)
    return last === answer
  }
  await until(isThere, { timeoutMs: 5000, everyMs: 20 }).catch(() => undefined)
  expect(last).toBe(answer)
}

/** A Service without endpoints, with one after the other, and without any again. */
async function cycle(from: ClientName, target: Target, ...backends: readonly (PodName | NodeName)[]): Promise<void> {
  await serve()
  await expectAnswer(from, target, 'refused')
  for (const backend of backends) {
    await serve(backend)
    await expectAnswer(from, target, backend)
  }
  await serve()
  await expectAnswer(from, target, 'refused')
}

describe('Conntrack', () => {
  test('should be able to preserve UDP traffic when server pod cycles for a NodePort service', async () => {
    await cycle('a1', NODE_PORT_TARGET, 'b1', 'b2')
  })

  test('should be able to preserve UDP traffic when server pod cycles for a NodePort service and client is hostNetwork', async () => {
    await cycle('node-1', NODE_PORT_TARGET, 'b1', 'b2')
  })

  test('should be able to preserve UDP traffic when server pod cycles for a ClusterIP service', async () => {
    await cycle('a1', CLUSTER_IP_TARGET, 'b1', 'b2')
  })

  test('should be able to preserve UDP traffic when server pod cycles for a ClusterIP service and client is hostNetwork', async () => {
    await cycle('node-1', CLUSTER_IP_TARGET, 'b1', 'b2')
  })

  test('should be able to preserve UDP traffic when server pod using hostNetwork cycles for a ClusterIP service', async () => {
    await cycle('a1', CLUSTER_IP_TARGET, 'node-2', 'node-3')
  })

  test('should be able to preserve UDP traffic when initial unready endpoints get ready', async () => {
    await serve()
    await expectAnswer('a1', CLUSTER_IP_TARGET, 'refused')
    await serve({ pod: 'b1', ...UNREADY })
    await expectAnswer('a1', CLUSTER_IP_TARGET, 'refused')
    await serve('b1')
    await expectAnswer('a1', CLUSTER_IP_TARGET, 'b1')
    await serve({ pod: 'b1', ...UNREADY_TERMINATING }, 'c1')
    await expectAnswer('a1', CLUSTER_IP_TARGET, 'c1')
  })

  test('should be able to cleanup conntrack entries when UDP service target port changes for a NodePort service', async () => {
    await serve('b1')
    await expectAnswer('a1', NODE_PORT_TARGET, 'b1')
    // The Service port's name stays, and its number on the same pod becomes another one (promise 75).
    const alternative = [{ name: 'udp', port: 8081, protocol: 'UDP' }]
    await cluster.apply([udpService(), ...slicesOf(cluster, 'web', ['b1'], alternative)])
    await expectAnswer('a1', NODE_PORT_TARGET, 'b1 alt')
  })

  test('should be able to preserve UDP traffic of a client that sent before the service was there', async () => {
    for (const [from, target] of [
      ['outside', NODE_PORT_TARGET],
      ['a1', CLUSTER_IP_TARGET],
    ] as const) {
      await cluster.apply()
      expect(await send(from, target)).not.toBe('b1')
      await serve('b1')
      await expectAnswer(from, target, 'b1')
    }
  })

  // Issue 74839. Such a packet is not translated back. The client has no connection with the pod's own address, and answers
  // with a reset, which goes straight to the pod, and ends the connection there.
  test('should drop INVALID conntrack entries [Privileged]', async () => {
    await cluster.namespace('b1').serve({ protocol: 'tcp', port: BOOM_PORT, name: 'boom-server' })
    const ports = [{ port: BOOM_PORT }]
    const boomServer = service('boom-server', { clusterIPs: [CLUSTER_IP[4]], ports })
    await cluster.apply([boomServer, ...slicesOf(cluster, 'boom-server', ['b1'], ports)])
    const server = cluster.addressOf('b1')
    const client = cluster.addressOf('a1')
    const seen: TcpSegment[] = []
    const socket = cluster.namespace('b1').inNamespace(() => new RawSocket(server, IPPROTO_TCP))
    try {
      socket.bind(server)
      socket.read(
        ({ payload, from }) => {
          const segment = decodeTcp(payload)
          if (segment?.destinationPort === BOOM_PORT && from === client) seen.push(segment)
        },
        () => undefined, // an ICMP error tells nothing here
      )
      const stray = { sourcePort: BOOM_PORT, flags: FLAG.ack | FLAG.psh, payload: Buffer.from('boom') }
      const resets = (port: number): TcpSegment[] =>
        seen.filter(({ sourcePort, flags }) => sourcePort === port && (flags & FLAG.rst) !== 0)
      // To a port without connection it is not invalid, and is answered: else the absence of an answer would show nothing.
      const unused = { ...stray, destinationPort: UNUSED_PORT, sequence: 1, acknowledgement: 1 }
      socket.send(encodeTcp(unused, server, client), client)
      await until(() => resets(UNUSED_PORT).length > 0, { what: 'a reset' })

      const connection = await cluster.namespace('a1').connect({ address: CLUSTER_IP[4], port: BOOM_PORT })
      expect(await connection.echo('before')).toBe('before')
      const last = await until(() => seen.find(({ payload }) => payload.toString() === 'before\n'))
      const invalid = {
        ...stray,
        destinationPort: last.sourcePort,
        // Far beyond what the client may get; and acknowledging what it sent, which becomes the number of its reset.
        sequence: (last.acknowledgement + 100_000_000) % 2 ** 32,
        acknowledgement: (last.sequence + last.payload.length) % 2 ** 32,
      }
      socket.send(encodeTcp(invalid, server, client), client)
      // Sent after it and over the same links: when this arrived, a reset would have arrived, too.
      expect(await connection.echo('after')).toBe('after')
      await until(() => seen.find(({ payload }) => payload.toString() === 'after\n'))
      expect(resets(last.sourcePort)).toEqual([])
      await connection.close()
    } finally {
      socket.close()
    }
  })
})

describe('LoadBalancers', () => {
  test.each([
    ['different nodes', 'b1', 'c1'],
    ['the same nodes', 'b1', 'b2'],
  ] as const)(
    'should be able to preserve UDP traffic when server pod cycles for a LoadBalancer service on %s',
    async (_, first, second) => {
      await cluster.routeTo(BALANCER_IP, 'node-1')
      await cycle('outside', BALANCER_TARGET, first, second)
    },
  )
})
