import { addAddress, bare, isIPv6, sameFamily } from './address.ts'
import type { Holder } from './holder.ts'
import { Namespace } from './namespace.ts'

// What pods have as next hop, as with most CNIs: the same link-local addresses on the node's end of every pod's link.
const gateway4 = '169.254.1.1'
const gateway6 = 'fe80::1'

/** How to make a pod. */
export interface PodOptions {
  /** The pod's IPs, without prefix length. */
  addresses: string[]
  /** Name of the link's end in the node; podN unless told. */
  hostInterface?: string
}

/** A pod: a namespace with eth0, whose packets all go through its node. */
export class Pod extends Namespace {
  readonly addresses: string[]
  readonly node: LabNode
  /** The link's end in the node's namespace. */
  readonly hostInterface: string

  /** Not for callers: use `LabNode.pod`. */
  constructor(name: string, holder: Holder, node: LabNode, addresses: string[], hostInterface: string) {
    super(name, holder)
    this.node = node
    this.addresses = addresses
    this.hostInterface = hostInterface
  }

  /** The pod's first IPv4 address, or its first IPv6 one. */
  get address(): string {
    return this.addresses.find((address) => !isIPv6(address)) ?? this.addresses[0] ?? ''
  }

  /** Takes the pod away as a kubelet does: link and routes go at once, so that nothing answers for its addresses. */
  async delete(): Promise<void> {
    await this.node.ip(`link del ${this.hostInterface}`)
    await this.close()
  }
}

/** Makes the holder of a new namespace under a name that must be free, and keeps the namespace for closing. */
export type Adopt = <N extends Namespace>(name: string, make: (holder: Holder) => N) => Promise<N>

/** A cluster node: a namespace that forwards, with a routed point-to-point link to each of its pods. */
export class LabNode extends Namespace {
  /** The node's own addresses, without prefix length. */
  readonly addresses: string[]
  readonly podCIDRs: string[]
  readonly #adopt: Adopt
  #pods = 0

  /** Not for callers: use `Lab.node`. */
  constructor(name: string, holder: Holder, adopt: Adopt, addresses: string[], podCIDRs: string[]) {
    super(name, holder, { forward: true })
    this.#adopt = adopt
    this.addresses = addresses.map(bare)
    this.podCIDRs = podCIDRs
  }

  /**
   * Makes a pod on this node. Its link is routed, not bridged: packets between pods of one node pass the node's
   * netfilter hooks.
   */
  async pod(name: string, options: PodOptions): Promise<Pod> {
    const device = options.hostInterface ?? `pod${this.#pods++}`
    const addresses = options.addresses.map(bare)
    const pod = await this.#adopt(name, (holder) => new Pod(name, holder, this, addresses, device))
    const end = pod.nextInterface()
    await this.ip(
      `link add ${device} type veth peer name ${end} netns ${pod.pid}`,
      `addr add ${gateway4}/32 dev ${device} scope link`,
      addAddress(`${gateway6}/64`, device),
      `link set ${device} up`,
      ...addresses.map((address) => this.#routeToPod(address, device)),
    )
    await pod.ip(
      ...addresses.map((address) => addAddress(`${address}/${isIPv6(address) ? 128 : 32}`, end)),
      `link set ${end} up`,
      `route add ${gateway4} dev ${end} scope link`,
      `route add 0.0.0.0/0 via ${gateway4} dev ${end}`,
      `route add ::/0 via ${gateway6} dev ${end}`,
    )
    await Promise.all([this.interfaceReady(device), pod.interfaceReady(end)])
    return pod
  }

  #routeToPod(address: string, device: string): string {
    // Else the node would send from the link-local gateway address.
    const source = sameFamily(this.addresses, address)
    return `route add ${address} dev ${device}${source === undefined ? '' : ` src ${source}`}`
  }
}
