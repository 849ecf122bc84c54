import { LabError } from './error.ts'
import { type Holder, startHolder } from './holder.ts'
import { Namespace, type NamespaceOptions } from './namespace.ts'
import { Network } from './network.ts'
import { type Adopt, LabNode } from './node.ts'
import { kill } from './processes.ts'
import { requireLabSupport } from './support.ts'

/** A route: what is for `to` goes to `via`. */
export interface Route {
  to: string
  via: string
}

/** How to make an external client. */
export interface ClientOptions {
  /** The segment it is on; one that all share unless told. */
  network?: Network
  /** Addresses with prefix length. */
  addresses: string[]
  routes?: Route[]
}

/** How to make a node. */
export interface NodeOptions extends ClientOptions {
  /** The node's pod CIDRs; nodes on one network get routes to each other's. */
  podCIDRs?: string[]
}

/** How to make a router. */
export interface RouterOptions {
  links: { network: Network; addresses: string[] }[]
  routes?: Route[]
}

/** A set of network namespaces with virtual wires between them, of which nothing shows outside. */
export class Lab {
  readonly #members = new Map<string, Namespace | undefined>()
  readonly #starting = new Set<Promise<unknown>>()
  #shared: Promise<Network> | undefined
  #closing: Promise<void> | undefined

  private constructor() {}

  /** A new, empty lab; throws a LabError where this machine or user cannot have one. */
  static async create(): Promise<Lab> {
    requireLabSupport()
    return new Lab()
  }

  /** A bare namespace with nothing but lo. */
  namespace(name: string, options: NamespaceOptions = {}): Promise<Namespace> {
    return this.#adopt(name, (holder) => new Namespace(name, holder, options))
  }

  /** An L2 segment. Without a name: the one that nodes and clients share unless told otherwise. */
  network(name?: string): Promise<Network> {
    if (name !== undefined) return this.namespace(name).then((namespace) => new Network(namespace))
    this.#shared ??= this.network('network')
    return this.#shared
  }

  /** A cluster node. */
  async node(name: string, options: NodeOptions): Promise<LabNode> {
    const { addresses, podCIDRs = [], routes = [] } = options
    const make = (holder: Holder) => new LabNode(name, holder, this.#adopt, addresses, podCIDRs)
    const [network, node] = await Promise.all([options.network ?? this.network(), this.#adopt(name, make)])
    await network.attach(node, { addresses, behind: podCIDRs })
    await node.ip(...routes.map(routeLine))
    return node
  }

  /** A client outside the cluster. */
  async client(name: string, options: ClientOptions): Promise<Namespace> {
    const { addresses, routes = [] } = options
    const [network, client] = await Promise.all([options.network ?? this.network(), this.namespace(name)])
    await network.attach(client, { addresses })
    await client.ip(...routes.map(routeLine))
    return client
  }

  /** A router between networks. */
  async router(name: string, options: RouterOptions): Promise<Namespace> {
    const router = await this.namespace(name, { forward: true })
    for (const { network, addresses } of options.links) await network.attach(router, { addresses })
    await router.ip(...(options.routes ?? []).map(routeLine))
    return router
  }

  /** Closes everything; afterwards no process, thread or socket of the lab is left in any of its namespaces. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#starting)
    const members = [...this.#members.values()].filter((namespace) => namespace !== undefined)
    await Promise.all(members.map((namespace) => namespace.close()))
  }

  readonly #adopt: Adopt = async (name, make) => {
    if (this.#closing) throw new LabError('CLOSED', 'the lab is closed')
    // Names of pods that are deleted are free again.
    const taken = this.#members.get(name)
    if (this.#members.has(name) && !taken?.closed) throw new LabError('USAGE', `the lab has a ${name} already`)
    this.#members.set(name, undefined)
    const starting = startHolder().then(async (holder) => {
      try {
        const namespace = make(holder)
        this.#members.set(name, namespace)
        return namespace
      } catch (error) {
        await kill(holder.child)
        throw error
      }
    })
    this.#starting.add(starting)
    void starting.finally(() => this.#starting.delete(starting)).catch(() => {})
    return starting
  }
}

function routeLine({ to, via }: Route): string {
  return `route replace ${to} via ${via}`
}
