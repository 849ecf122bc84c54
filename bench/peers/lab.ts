import type { Family } from '../../src/model/ip.ts'
import { BenchNetns } from '../support/netns.ts'
import { type Destination, Listener } from '../support/sockets.ts'

/** Where the server listens, at every address of every endpoint. */
export const SERVER_PORT = 8080

/**
 * What the server answers for: all endpoints that the workload makes, and the Services' addresses. Nobody listens at a
 * Service's port there, so that what no node translates is refused at once.
 */
const SERVER_RANGES = ['10.128.0.0/10', 'fd00:10::/64', '10.96.0.0/12', 'fd00:96::/64']

/** One of each family. */
const SOME_ENDPOINTS = ['10.128.0.1', 'fd00:10::a80:1']
/** Each waits for up to a second. */
const READY_ATTEMPTS = 30

/** A way from the client to the server through a node of its own. */
export interface NodePath {
  readonly node: BenchNetns
  /** The client's interface to that node. */
  readonly device: string
}

/**
 * One client, one server that has the addresses of all endpoints, and between them a node for each peer: all nodes are made
 * alike, and the client chooses one by the interface through which it connects.
 */
export class PeerLab {
  readonly client = new BenchNetns()
  readonly server = new BenchNetns()
  readonly listener: Listener
  readonly #paths: NodePath[] = []

  constructor() {
    for (const netns of [this.client, this.server]) prepare(netns)
    for (const range of SERVER_RANGES) this.server.ip(`route add local ${range} dev lo`)
    this.listener = new Listener(this.server, SERVER_PORT)
  }

  /** Adds a node without rules. */
  addPath(): NodePath {
    const index = this.#paths.length
    const path: NodePath = { node: new BenchNetns(), device: `node${index}` }
    const { node, device } = path
    prepare(node)
    this.client.wire(device, node, 'client')
    this.server.wire(device, node, 'server')
    node.sysctl('net.ipv4.ip_forward', 1)
    node.sysctl('net.ipv6.conf.all.forwarding', 1)
    const near = { 4: `10.255.${index}`, 6: `fd00:10:ff:${index}:` }
    const far = { 4: `10.254.${index}`, 6: `fd00:10:fe:${index}:` }
    // All ways out have the same prefix, so each needs a metric of its own.
    const metric = `metric ${index + 1}`
    this.client.ip(
      `addr add ${near[4]}.2/24 dev ${device}`,
      `addr add ${near[6]}:2/64 dev ${device} nodad`,
      `route add default via ${near[4]}.1 dev ${device} ${metric}`,
      `route add ::/0 via ${near[6]}:1 dev ${device} ${metric}`,
    )
    node.ip(
      `addr add ${near[4]}.1/24 dev client`,
      `addr add ${near[6]}:1/64 dev client nodad`,
      `addr add ${far[4]}.1/24 dev server`,
      `addr add ${far[6]}:1/64 dev server nodad`,
      // To the endpoints, and to Service addresses, which need a route to get as far as postrouting.
      `route add default via ${far[4]}.2`,
      `route add ::/0 via ${far[6]}:2`,
    )
    this.server.ip(
      `addr add ${far[4]}.2/24 dev ${device}`,
      `addr add ${far[6]}:2/64 dev ${device} nodad`,
      `route add ${near[4]}.0/24 via ${far[4]}.1`,
      `route add ${near[6]}:/64 via ${far[6]}:1`,
    )
    this.#paths.push(path)
    for (const address of SOME_ENDPOINTS) this.#waitFor(path, address)
    return path
  }

  /** Where a connection through a node goes to, for the listener's measurements. */
  through({ device }: NodePath, address: string, port: number): Destination {
    return { address, port, device }
  }

  /** A link drops packets for a moment after it has come up. */
  #waitFor(path: NodePath, address: string): void {
    const through = this.through(path, address, SERVER_PORT)
    for (let attempt = 0; attempt < READY_ATTEMPTS; attempt++) {
      if (this.listener.reachedAt(this.client, through) !== undefined) return
    }
    throw new Error(`there is no way to ${address} through a new node`)
  }

  close(): void {
    this.listener.close()
    for (const { node } of this.#paths) node.close()
    for (const netns of [this.client, this.server]) netns.close()
  }
}

/** The hooks of a family that every kind of peer uses, with nothing in them. */
export function emptyNat(family: Family): string {
  const table = `${family === 4 ? 'ip' : 'ip6'} floor`
  const chain = (hook: string, priority: number) =>
    `add chain ${table} ${hook} { type nat hook ${hook} priority ${priority}; }`
  return [`add table ${table}`, chain('prerouting', -100), chain('output', -100), chain('postrouting', 100)].join('\n')
}

function prepare(netns: BenchNetns): void {
  netns.sysctl('net.ipv6.conf.all.accept_dad', 0)
  netns.sysctl('net.ipv6.conf.default.accept_dad', 0)
  netns.sysctl('net.ipv4.conf.all.rp_filter', 0)
  netns.sysctl('net.ipv4.conf.default.rp_filter', 0)
  netns.ip('link set lo up')
}
