import { Lab, type LabNode, type Namespace, type Pod, type Result } from '../lab/index.ts'
import { Instance, type InstanceOptions } from './instance.ts'
import { type Manifest, ManifestFolder, nodeObject } from './manifests.ts'

/** Addresses that the test cluster uses. */
export const CLUSTER = {
  podCIDRs: ['10.244.0.0/16', 'fd00:10:244::/48'],
  node1: ['192.168.50.11', 'fd00:192:168:50::11'],
  node2: ['192.168.50.12', 'fd00:192:168:50::12'],
  node3: ['192.168.50.13', 'fd00:192:168:50::13'],
  outside: ['192.168.50.200', 'fd00:192:168:50::200'],
} as const

/** The pods of the test cluster. */
export const POD_NAMES = ['a1', 'a2', 'b1', 'b2'] as const
export type PodName = (typeof POD_NAMES)[number]

/** The node that a pod runs on. */
export function nodeOf(pod: PodName): string {
  return pod.startsWith('a') ? 'node-1' : 'node-2'
}

/** Who answered a request, or how it ended. */
export function answerOf(result: Result): string {
  return result.verdict === 'answered' ? result.name : verdictOf(result)
}

/** How a request ended. A reject on the output hook is told to the sender of a datagram at once, as EPERM. */
export function verdictOf(result: Result): Result['verdict'] {
  return result.verdict === 'error' && result.code === 'EPERM' ? 'refused' : result.verdict
}

const BY_CIDRS = ['--cluster-cidr', CLUSTER.podCIDRs.join(',')]

type SluiceOptions = Partial<InstanceOptions> & { readonly node?: LabNode; readonly detector?: readonly string[] }

/**
 * Two nodes with two pods each and a client outside. `node1` is the one that runs Sluice. Pods are `a1 a2` on node 1 with
 * addresses ...1.1 and ...1.2, and `b1 b2` on node 2 with ...2.1 and ...2.2.
 */
export class TestCluster {
  readonly lab: Lab
  readonly node1: LabNode
  readonly node2: LabNode
  readonly outside: Namespace
  readonly pods: Readonly<Record<PodName, Pod>>
  readonly manifests = new ManifestFolder()
  readonly #instances: Instance[] = []

  private constructor(lab: Lab, node1: LabNode, node2: LabNode, outside: Namespace, pods: TestCluster['pods']) {
    this.lab = lab
    this.node1 = node1
    this.node2 = node2
    this.outside = outside
    this.pods = pods
    this.manifests.write('node.yaml', [nodeObject('node-1', CLUSTER.node1)])
  }

  static async create(): Promise<TestCluster> {
    const lab = await Lab.create()
    const [node1, node2] = await Promise.all([makeNode(lab, 1, CLUSTER.node1), makeNode(lab, 2, CLUSTER.node2)])
    const outside = await makeOutside(lab)
    const [a1, a2, b1, b2] = await Promise.all([
      makePod(node1, 'a1', 1, 1),
      makePod(node1, 'a2', 1, 2),
      makePod(node2, 'b1', 2, 1),
      makePod(node2, 'b2', 2, 2),
    ])
    return new TestCluster(lab, node1, node2, outside, { a1, a2, b1, b2 })
  }

  /**
   * Starts Sluice with the folder of manifests, on node 1 unless told; it takes itself for node 1 anyway. It tells pods by the
   * cluster's CIDRs unless `detector` has other arguments, and serves every change at once.
   */
  async sluice({ node = this.node1, detector = BY_CIDRS, ...options }: SluiceOptions = {}): Promise<Instance> {
    const args = ['--node-name', 'node-1', ...detector, '--min-sync-period', '0s', ...(options.args ?? [])]
    const instance = await Instance.start(node, { input: this.manifests.path, ...options, args })
    this.#instances.push(instance)
    return instance
  }

  /** Writes a manifest file and waits until Sluice serves it. The same again changes nothing, and is not waited for. */
  async apply(instance: Instance, name: string, objects: readonly Manifest[]): Promise<void> {
    await this.manifests.apply([instance], name, objects)
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#instances.map(async (instance) => instance.dispose()))
    await this.lab.close()
    this.manifests.dispose()
  }
}

/** The client outside of a cluster. */
export async function makeOutside(lab: Lab): Promise<Namespace> {
  return lab.client('outside', { addresses: CLUSTER.outside.map(withLength) })
}

/** Node `node-NUMBER` of a cluster, with addresses of both families. */
export async function makeNode(lab: Lab, number: number, addresses: readonly string[]): Promise<LabNode> {
  return lab.node(`node-${number}`, {
    addresses: addresses.map(withLength),
    podCIDRs: [`10.244.${number}.0/24`, `fd00:10:244:${number}::/64`],
    // As on a real node: without a route, a cluster IP cannot even be asked from there. Nobody has the gateway's address.
    routes: [
      { to: '0.0.0.0/0', via: '192.168.50.1' },
      { to: '::/0', via: 'fd00:192:168:50::1' },
    ],
  })
}

/** A pod with the addresses ...NODE.NUMBER of both families. */
export async function makePod(node: LabNode, name: string, nodeNumber: number, number: number): Promise<Pod> {
  return node.pod(name, { addresses: [`10.244.${nodeNumber}.${number}`, `fd00:10:244:${nodeNumber}::${number}`] })
}

function withLength(address: string): string {
  return `${address}/${address.includes(':') ? 64 : 24}`
}
