import { isDeepStrictEqual } from 'node:util'
import { type DefaultRoute, RouteConnection, RouteWatch, SCOPE } from '../kernel/route/addresses.ts'
import { type IpAddress, ipFromBytes } from '../model/ip.ts'
import type { Node } from '../model/node.ts'
import {
  type LocalAddress,
  type NodePortAddresses,
  nodeIPs,
  selectListenAddresses,
  selectNodePortAddresses,
} from '../node/node-port-addresses.ts'

const POLL_MS = 500

/** The addresses of a node that matter. */
export interface NodeAddressing {
  /** Those that serve node ports. */
  readonly nodePorts: readonly IpAddress[]
  /** Where health checks listen; 0.0.0.0 and :: stand for all of their family. */
  readonly toListen: readonly IpAddress[]
  /** Those that make the node itself a client. */
  readonly own: readonly IpAddress[]
}

/** Keeps a node's addresses: those that serve node ports are chosen by the operator, of those that the node has. */
export class NodeAddresses {
  readonly #spec: NodePortAddresses
  readonly #nodeIP: IpAddress | undefined
  readonly #routes = new RouteConnection()
  readonly #watch = new RouteWatch()
  #node: Node | undefined
  #timer: NodeJS.Timeout | undefined
  /** Something was said since the kernel was asked last: the lists are not asked for at every change of a Service. */
  #mayDiffer = true
  #present: NodeAddressing = { nodePorts: [], toListen: [], own: [] }
  #taken: NodeAddressing | undefined

  /** @param nodeIP counts as the node's first address, whatever its object says. @throws NetlinkError */
  constructor(spec: NodePortAddresses, nodeIP?: IpAddress) {
    this.#spec = spec
    this.#nodeIP = nodeIP
  }

  setNode(node: Node | undefined): void {
    this.#node = node
    this.#mayDiffer = true
  }

  /** The present addresses; undefined when they are those that the last call gave. @throws NetlinkError */
  changed(): NodeAddressing | undefined {
    if (!this.#differs()) return undefined
    this.#taken = this.#present
    return this.#taken
  }

  /** Calls back when {@link changed} has something new to say, or cannot tell. */
  follow(callback: () => void): void {
    this.#timer = setInterval(() => {
      if (this.#hasNews()) callback()
    }, POLL_MS)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#watch.close()
    this.#routes.close()
  }

  /** A failure counts: it comes up again where it can be told, in {@link changed}. */
  #hasNews(): boolean {
    try {
      return this.#differs()
    } catch {
      return true
    }
  }

  #differs(): boolean {
    if (this.#watch.changed()) this.#mayDiffer = true
    if (this.#mayDiffer) {
      this.#present = this.#read()
      this.#mayDiffer = false
    }
    return !isDeepStrictEqual(this.#present, this.#taken)
  }

  #read(): NodeAddressing {
    const local = this.#local()
    const node = this.#nodeWithIP(local)
    return {
      nodePorts: selectNodePortAddresses(this.#spec, node, local),
      toListen: selectListenAddresses(this.#spec, node, local),
      own: nodeIPs(node, local),
    }
  }

  #nodeWithIP(local: readonly LocalAddress[]): Node | undefined {
    const first = this.#nodeIP
    if (first === undefined) return this.#node
    const others = nodeIPs(this.#node, local).filter((address) => address !== first)
    return { ...(this.#node ?? NO_NODE), addresses: [first, ...others] }
  }

  #local(): LocalAddress[] {
    const defaults = this.#routes.defaultRoutes()
    return this.#routes
      .addresses()
      .filter(({ isUsable }) => isUsable)
      .map(({ address, interfaceIndex, scope }) => ({
        address: ipFromBytes(address),
        isGlobal: scope === SCOPE.universe,
        onDefaultRoute: hasDefault(defaults, interfaceIndex),
      }))
  }
}

const NO_NODE: Node = { name: '', labels: {}, annotations: {}, addresses: [], podCIDRs: [], isLeaving: false }

/** One default route of either family makes the interface the node's main one. */
function hasDefault(defaults: readonly DefaultRoute[], interfaceIndex: number): boolean {
  return defaults.some((route) => route.interfaceIndex === interfaceIndex)
}
