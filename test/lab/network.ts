import { addAddress, sameFamily } from './address.ts'
import type { Namespace } from './namespace.ts'

/** A namespace's place in a network. */
export interface Attachment {
  /** Addresses with prefix length. */
  addresses: string[]
  /** Prefixes that lie behind this namespace, such as a node's pod CIDRs: the other members route them here. */
  behind?: string[]
}

interface Member extends Attachment {
  namespace: Namespace
}

/** An L2 segment: a namespace with a bridge that nodes, clients and routers are plugged into. */
export class Network {
  readonly namespace: Namespace
  readonly #members: Member[] = []
  #bridge: Promise<void> | undefined
  #ports = 0
  #attaching: Promise<unknown> = Promise.resolve()

  /** Not for callers: use `Lab.network`. */
  constructor(namespace: Namespace) {
    this.namespace = namespace
  }

  get name(): string {
    return this.namespace.name
  }

  /** Plugs a namespace in and returns the name of its new interface. */
  attach(namespace: Namespace, attachment: Attachment): Promise<string> {
    // One after the other: the routes between two members need both to have their addresses.
    const attached = this.#attaching.then(() => this.#attach(namespace, attachment))
    this.#attaching = attached.catch(() => undefined)
    return attached
  }

  async #attach(namespace: Namespace, attachment: Attachment): Promise<string> {
    const device = namespace.nextInterface()
    const port = `port${this.#ports++}`
    const member = { namespace, ...attachment }
    const others = [...this.#members]
    this.#members.push(member)
    this.#bridge ??= this.namespace.ip('link add br0 type bridge', 'link set br0 up')
    await this.#bridge
    // The far end comes up last: then it sends at once, and only the port has to be waited for.
    await this.namespace.ip(
      `link add ${port} type veth peer name ${device} netns ${namespace.pid}`,
      `link set ${port} master br0 up`,
    )
    const addresses = attachment.addresses.map((address) => addAddress(address, device))
    await namespace.ip(...addresses, `link set ${device} up`, ...others.flatMap((other) => routes(other, member)))
    await Promise.all([this.namespace.interfaceReady(port), namespace.interfaceReady(device)])
    await Promise.all(others.map((other) => other.namespace.ip(...routes(member, other))))
    return device
  }
}

/** What `from` needs to reach what lies behind `to`. */
function routes(to: Member, from: Member): string[] {
  // Clients and routers are outside the cluster: they know no pod addresses, as in real life.
  if (!from.behind?.length) return []
  return (to.behind ?? []).flatMap((prefix) => {
    const via = sameFamily(to.addresses, prefix)
    const reachable = via !== undefined && sameFamily(from.addresses, prefix) !== undefined
    return reachable ? [`route replace ${prefix} via ${via}`] : []
  })
}
