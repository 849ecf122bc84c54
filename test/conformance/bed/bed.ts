import { Lab, type LabNode, type Namespace, type Pod, type Server } from '../../lab/index.ts'
import { canonical, isLoopback } from '../format/address.ts'
import type { Plan } from './plan.ts'

/** Addresses of the node on every link, so that a masqueraded source differs from all that cases know. */
const TRANSIT = ['198.18.0.1', 'fd00:198:18::1'] as const
const BEYOND = ['198.18.0.2', 'fd00:198:18::2'] as const
const ELSEWHERE = ['198.18.0.3', 'fd00:198:18::3'] as const
const HERE = ['198.18.0.4', 'fd00:198:18::4'] as const

/** Namespaces of clients cost a thread each. */
const MOST_CLIENTS = 24

type Places = { readonly [place in 'here' | 'elsewhere' | 'beyond']: Pod }
type Place = 'node' | 'here' | 'elsewhere' | 'beyond' | 'client'

/**
 * The network that cases run in, kept from case to case: the node; a namespace with the node's endpoints, one with those of
 * other nodes, one for everything else that the node can route to; and one for each address that something is sent from.
 * Every link goes through the node.
 */
export class Bed {
  readonly node: LabNode
  /** Canonical addresses of the node, those of its links included. */
  readonly nodeAddresses: ReadonlySet<string>
  readonly #lab: Lab
  readonly #nodeIPs: ReadonlySet<string>
  readonly #places: Places
  readonly #clients = new Map<string, Pod>()
  #servers: Server[] = []
  #undo: { namespace: Namespace; line: string }[] = []
  #names = 0
  #spoilt = false
  /** Addresses that the node gets in the course of the present case. */
  #later: ReadonlySet<string> = new Set()

  private constructor(lab: Lab, node: LabNode, nodeIPs: readonly string[], places: Places) {
    this.#lab = lab
    this.node = node
    this.#nodeIPs = new Set(nodeIPs.map(canonical))
    this.nodeAddresses = new Set([...this.#nodeIPs, ...TRANSIT])
    this.#places = places
  }

  static async create(nodeIPs: readonly string[]): Promise<Bed> {
    const lab = await Lab.create()
    try {
      const node = await lab.node('node', { addresses: nodeIPs.map(whole) })
      const [beyond, elsewhere, here] = await Promise.all([
        link(node, 'beyond', BEYOND),
        link(node, 'elsewhere', ELSEWHERE),
        link(node, 'here', HERE),
      ])
      await node.ip(
        ...BEYOND.map((address) => `route replace ${anywhere(address)} via ${address}${from(node, address)}`),
      )
      return new Bed(lab, node, nodeIPs, { beyond, elsewhere, here })
    } catch (error) {
      await lab.close()
      throw error
    }
  }

  /** Gives every address of the plan its place, and starts the servers. */
  async prepare(plan: Plan): Promise<void> {
    this.#later = plan.nodeAddresses
    const { spoilt } = this
    this.spoil()
    for (const source of plan.sources) {
      if (!this.#isNode(source)) await this.#client(source, plan.interfaces.get(source))
    }
    const servers = [...plan.servers.values()].filter(({ address }) => !this.#later.has(address))
    const addresses = new Set([...plan.endpoints.keys(), ...servers.map(({ address }) => address)])
    for (const place of ['here', 'elsewhere', 'beyond'] as const) {
      await this.#putAddresses(
        place,
        [...addresses].filter((address) => this.#placeOf(address, plan) === place),
      )
    }
    const serve = servers.map(({ protocol, address, port }) => {
      const namespace = this.#namespaceOf(address, this.#placeOf(address, plan))
      return namespace.serve({ protocol, address, port, name: address })
    })
    const served = await Promise.allSettled(serve)
    this.#servers = served.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const failed = served.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    this.#spoilt = spoilt
  }

  /** Where a client with this address is. */
  from(source: string): { namespace: Namespace; sourceAddress: string } {
    const address = canonical(source)
    const namespace = this.#isNode(address) ? this.node : this.#clients.get(address)
    if (namespace === undefined) throw new TypeError(`nothing was planned to be sent from ${source}`)
    return { namespace, sourceAddress: address }
  }

  /** Gives the node addresses and takes others away. */
  async changeAddresses(add: readonly string[], remove: readonly string[]): Promise<void> {
    this.spoil()
    await this.node.ip(
      ...add.map((address) => `addr add ${whole(address)} dev eth0${flags(address)}`),
      ...remove.map((address) => `addr del ${whole(address)} dev eth0`),
    )
  }

  /** Says that the bed is no longer as it was made, so that no other case may use it. */
  spoil(): void {
    this.#spoilt = true
  }

  get spoilt(): boolean {
    return this.#spoilt
  }

  /** Undoes `prepare` and empties the node: rules and connection tracking entries of the last case are gone. */
  async clear(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.close()))
    const undo = this.#undo.splice(0)
    await Promise.all(
      [...new Set(undo.map(({ namespace }) => namespace))].map((namespace) =>
        namespace.ip(...undo.filter((one) => one.namespace === namespace).map(({ line }) => line)),
      ),
    )
    await this.node.exec('nft', ['flush', 'ruleset'])
    await this.node.exec('conntrack', ['--flush'])
    if (this.#clients.size > MOST_CLIENTS) {
      await Promise.all([...this.#clients.values()].map((client) => client.delete()))
      this.#clients.clear()
    }
  }

  async close(): Promise<void> {
    await this.#lab.close()
  }

  #isNode(address: string): boolean {
    return this.#nodeIPs.has(address) || this.#later.has(address) || isLoopback(address)
  }

  #placeOf(address: string, plan: Plan): Place {
    if (this.#isNode(address)) return 'node'
    if (this.#clients.has(address)) return 'client'
    return plan.endpoints.get(address) ?? 'beyond'
  }

  #namespaceOf(address: string, place: Place): Namespace {
    if (place === 'node') return this.node
    if (place === 'client') return this.from(address).namespace
    return this.#places[place]
  }

  async #client(address: string, device: string | undefined): Promise<void> {
    if (this.#clients.has(address) && device === undefined) return
    for (const [other, client] of this.#clients) {
      const [isIt, hasName] = [other === address, client.hostInterface === device]
      if (isIt && hasName) return
      if (!isIt && !hasName) continue
      await client.delete()
      this.#clients.delete(other)
    }
    this.#clients.set(address, await link(this.node, `client-${++this.#names}`, [address], device))
  }

  async #putAddresses(place: 'here' | 'elsewhere' | 'beyond', addresses: readonly string[]): Promise<void> {
    if (addresses.length === 0) return
    const namespace = this.#places[place]
    await namespace.ip(...addresses.map((address) => `addr add ${whole(address)} dev lo${flags(address)}`))
    this.#undo.push(...addresses.map((address) => ({ namespace, line: `addr del ${whole(address)} dev lo` })))
    if (place === 'beyond') return
    const via = place === 'here' ? HERE : ELSEWHERE
    const routes = addresses.map(
      (address) => `${whole(address)} via ${sameFamily(via, address)}${from(this.node, address)}`,
    )
    await this.node.ip(...routes.map((route) => `route add ${route}`))
    this.#undo.push(...routes.map((route) => ({ namespace: this.node, line: `route del ${route}` })))
  }
}

/** A namespace on a link of its own to the node, which is its way to everywhere; `device` is the link's end on the node. */
async function link(node: LabNode, name: string, addresses: readonly string[], device?: string): Promise<Pod> {
  const pod = await node.pod(name, {
    addresses: [...addresses],
    ...(device !== undefined && { hostInterface: device }),
  })
  // The kernel masquerades with an address of the link that a packet leaves by.
  await node.ip(...TRANSIT.map((address) => `addr add ${whole(address)} dev ${pod.hostInterface}${flags(address)}`))
  return pod
}

function isIPv6(address: string): boolean {
  return address.includes(':')
}

function whole(address: string): string {
  return `${address}/${isIPv6(address) ? 128 : 32}`
}

function flags(address: string): string {
  return isIPv6(address) ? ' nodad' : ''
}

function anywhere(address: string): string {
  return isIPv6(address) ? '::/0' : '0.0.0.0/0'
}

function sameFamily(addresses: readonly string[], as: string): string | undefined {
  return addresses.find((address) => isIPv6(address) === isIPv6(as))
}

/** What the node itself sends from, unless told. */
function from(node: LabNode, to: string): string {
  const address = sameFamily(node.addresses, to)
  return address === undefined ? '' : ` src ${address}`
}
