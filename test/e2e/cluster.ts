import { Lab, type LabNode, type Namespace, type Pod, type Protocol, type RequestSpec } from '../lab/index.ts'
import { answerOf, CLUSTER, makeNode, makeOutside, makePod, verdictOf } from '../sluice/cluster.ts'
import { Instance } from '../sluice/instance.ts'
import { type Manifest, ManifestFolder, nodeObject } from '../sluice/manifests.ts'

export const NODE_NAMES = ['node-1', 'node-2', 'node-3'] as const
export type NodeName = (typeof NODE_NAMES)[number]

/** Two pods on each node: `a...` on node 1, `b...` on node 2, `c...` on node 3. */
export const POD_NAMES = ['a1', 'a2', 'b1', 'b2', 'c1', 'c2'] as const
export type PodName = (typeof POD_NAMES)[number]

/** Whoever can send a request: a pod; a node, which stands for pods in its host network, too; a client outside. */
export type ClientName = PodName | NodeName | 'outside'

/** A node's addresses, IPv4 and IPv6. */
export const NODE_ADDRESSES: Readonly<Record<NodeName, readonly [string, string]>> = {
  'node-1': CLUSTER.node1,
  'node-2': CLUSTER.node2,
  'node-3': CLUSTER.node3,
}

/**
 * What every pod and node serves; a Service port with one of these names goes to it. A server answers with the name of its
 * pod or node, that of an `-alt` port with `NAME alt`.
 */
export const SERVED = [
  { name: 'http', protocol: 'http', port: 8080 },
  { name: 'udp', protocol: 'udp', port: 8080 },
  { name: 'http-alt', protocol: 'http', port: 8081 },
  { name: 'udp-alt', protocol: 'udp', port: 8081 },
] as const

/** SCTP servers look for packets all the time, so that they are only there on demand. */
const SCTP = { name: 'sctp', protocol: 'sctp', port: 8080 } as const

/** A destination of requests. */
export interface Target {
  readonly address: string
  readonly port: number
  /** HTTP unless told. */
  readonly protocol?: Protocol
}

/** The node that a pod or node name stands for. */
export function nodeOf(name: PodName | NodeName): NodeName {
  if (isNode(name)) return name
  return name.startsWith('a') ? 'node-1' : name.startsWith('b') ? 'node-2' : 'node-3'
}

/** Three nodes that run Sluice, with two pods each and a client outside: what tests of a cluster ask for. */
export class ThreeNodeCluster {
  readonly #lab: Lab
  readonly #clients: Readonly<Record<ClientName, Namespace>>
  readonly #manifests = new ManifestFolder()
  readonly #instances = new Map<NodeName, Instance>()
  /** Below those that the kernel gives by itself. */
  #nextPort = 10_000

  private constructor(lab: Lab, clients: Readonly<Record<ClientName, Namespace>>) {
    this.#lab = lab
    this.#clients = clients
  }

  static async create(options: { sctp?: boolean } = {}): Promise<ThreeNodeCluster> {
    const lab = await Lab.create()
    const nodes = await Promise.all(NODE_NAMES.map((name, i) => makeNode(lab, i + 1, NODE_ADDRESSES[name])))
    const pods = await Promise.all(POD_NAMES.map((name) => makeNamedPod(nodes, name)))
    const outside = await makeOutside(lab)
    const members = [...nodes, ...pods, outside].map((namespace) => [namespace.name, namespace])
    const cluster = new ThreeNodeCluster(lab, Object.fromEntries(members) as Record<ClientName, Namespace>)
    const servers = options.sctp ? [...SERVED, SCTP] : SERVED
    await Promise.all([...nodes, ...pods].map((member) => startServers(member, servers)))
    cluster.#manifests.write('nodes.yaml', nodeObjects({}))
    await cluster.startSluice()
    return cluster
  }

  namespace(name: ClientName): Namespace {
    return this.#clients[name]
  }

  /** A pod's or node's address of a family. */
  addressOf(name: PodName | NodeName, family: 4 | 6 = 4): string {
    return (this.#clients[name] as Pod | LabNode).addresses[family === 4 ? 0 : 1] ?? ''
  }

  /** Starts Sluice on all nodes; it takes over what an earlier run left. */
  async startSluice(): Promise<void> {
    const start = async (name: NodeName): Promise<void> => {
      const runDirectory = this.#instances.get(name)?.runDirectory
      const args = ['--node-name', name, '--cluster-cidr', CLUSTER.podCIDRs.join(','), '--min-sync-period', '0s']
      const options = { input: this.#manifests.path, args, ...(runDirectory !== undefined && { runDirectory }) }
      this.#instances.set(name, await Instance.start(this.namespace(name), options))
    }
    await Promise.all(NODE_NAMES.map(start))
  }

  /** Ends Sluice on all nodes as a crash would. */
  async killSluice(): Promise<void> {
    await Promise.all([...this.#instances.values()].map((instance) => instance.stop('SIGKILL')))
  }

  instance(name: NodeName): Instance {
    const instance = this.#instances.get(name)
    if (instance === undefined) throw new TypeError(`Sluice was never started on ${name}`)
    return instance
  }

  /** Makes these the only objects beside the nodes, and waits until all nodes serve them. */
  async apply(...objects: readonly Manifest[][]): Promise<void> {
    await this.#manifests.apply([...this.#instances.values()], 'test.yaml', objects.flat())
  }

  /** Puts the nodes into zones. */
  async applyZones(zones: Readonly<Record<NodeName, string>>): Promise<void> {
    await this.#manifests.apply([...this.#instances.values()], 'nodes.yaml', nodeObjects(zones))
  }

  /** Sends what the client outside has for an address to a node, as a load balancer or a router would. */
  async routeTo(address: string, node: NodeName): Promise<void> {
    const isIPv6 = address.includes(':')
    await this.#clients.outside.route(`${address}/${isIPv6 ? 128 : 32}`, NODE_ADDRESSES[node][isIPv6 ? 1 : 0])
  }

  /**
   * Who answered, sorted, and how requests without answer ended. Makes so many requests that all of that many endpoints
   * answer: one is missed with a chance below 1 in 10 million. Where several are to answer, the patience is that of TCP: so many
   * connections meet ports that are in TIME_WAIT behind the node's translation, and then the first SYN is in vain.
   */
  async answers(from: ClientName, target: Target, endpoints = 1): Promise<string[]> {
    const count = endpoints === 1 ? 4 : Math.ceil(Math.log(1e7 * endpoints) / Math.log(endpoints / (endpoints - 1)))
    const patience = endpoints === 1 ? {} : { timeoutMs: 8000 }
    const results = await this.namespace(from).requests({ ...requestTo(target), ...patience, count, concurrency: 8 })
    return [...new Set(results.map(answerOf))].sort()
  }

  /** Like {@link answers}, after a first request: of several first ones at a time, each may get an endpoint of its own. */
  async answersWithAffinity(from: ClientName, target: Target, endpoints: number): Promise<string[]> {
    await this.namespace(from).request(requestTo(target))
    return this.answers(from, target, endpoints)
  }

  /**
   * Like {@link answers}, but requests that nobody answered are left out: an unused address may fail in many ways. They come
   * from ports that no other request uses: conntrack keeps what it left untranslated for two minutes, and a later connection
   * from that port would go the same way.
   */
  async servers(from: ClientName, target: Target): Promise<string[]> {
    const request = async () => {
      const sourcePort = this.#nextPort++
      return this.namespace(from).request({ ...requestTo(target), sourcePort, timeoutMs: 500 })
    }
    const results = await Promise.all(Array.from({ length: 4 }, request))
    return [...new Set(results.flatMap((result) => (result.verdict === 'answered' ? [result.name] : [])))].sort()
  }

  /** The client's address as the server saw it, or how the request ended. */
  async clientSeen(from: ClientName, target: Target): Promise<string> {
    const result = await this.namespace(from).request(requestTo(target))
    return result.verdict === 'answered' ? result.client : verdictOf(result)
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#instances.values()].map((instance) => instance.dispose()))
    await this.#lab.close()
    this.#manifests.dispose()
  }
}

function isNode(name: PodName | NodeName): name is NodeName {
  return name.startsWith('node-')
}

function requestTo({ protocol = 'http', address, port }: Target): RequestSpec {
  // Long enough for a refusal over IPv6, see RequestSpec.timeoutMs.
  return { protocol, address, port, timeoutMs: 1500 }
}

async function makeNamedPod(nodes: readonly LabNode[], name: PodName): Promise<Pod> {
  const nodeNumber = NODE_NAMES.indexOf(nodeOf(name)) + 1
  const node = nodes[nodeNumber - 1]
  if (node === undefined) throw new TypeError(`no node for ${name}`)
  return makePod(node, name, nodeNumber, Number(name.slice(1)))
}

async function startServers(
  member: Pod | LabNode,
  servers: readonly ((typeof SERVED)[number] | typeof SCTP)[],
): Promise<void> {
  // On each of its own addresses: all links to pods have the same one at a node's end, which cannot be bound twice.
  for (const address of member.addresses) {
    for (const { name, protocol, port } of servers) {
      await member.serve({ protocol, port, address, name: name.endsWith('-alt') ? `${member.name} alt` : member.name })
    }
  }
}

function nodeObjects(zones: Partial<Readonly<Record<NodeName, string>>>): Manifest[] {
  return NODE_NAMES.map((name) => {
    const zone = zones[name]
    return nodeObject(name, NODE_ADDRESSES[name], zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone })
  })
}
