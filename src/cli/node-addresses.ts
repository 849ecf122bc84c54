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
  /** Those that make the node itself a client. */
  readonly own: readonly IpAddress[]
}

/** Keeps a node's addresses: those that serve node ports are chosen by the operator, of those that the node has. */
export class NodeAddresses {
  readonly #spec: NodePortAddresses
  readonly #routes = new RouteConnection()
  readonly #watch = new RouteWatch()
  #node: Node | undefined
  #timer: NodeJS.Timeout | undefined
  #current = ''
  #toListen: readonly IpAddress[] = []

  /** @throws NetlinkError */
  constructor(spec: NodePortAddresses) {
    this.#spec = spec
  }

  setNode(node: Node | undefined): void {
    this.#node = node
  }

  /** The present addresses; undefined when they are those that the last call gave. */
  changed(): NodeAddressing | undefined {
    const local = this.#local()
    this.#toListen = selectListenAddresses(this.#spec, this.#node, local)
    const nodePorts = selectNodePortAddresses(this.#spec, this.#node, local)
    const own = nodeIPs(this.#node, local)
    const text = `${nodePorts.join(' ')} / ${own.join(' ')}`
    if (this.#timer !== undefined && text === this.#current) return undefined
    this.#current = text
    return { nodePorts, own }
  }

  /** Where health checks listen, as of the last call of {@link changed}; 0.0.0.0 and :: stand for all of their family. */
  get toListen(): readonly IpAddress[] {
    return this.#toListen
  }

  /** Calls back when the node's addresses may have changed. */
  follow(callback: () => void): void {
    this.#timer = setInterval(() => {
      if (this.#watch.changed()) callback()
    }, POLL_MS)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#watch.close()
    this.#routes.close()
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

/** One default route of either family makes the interface the node's main one. */
function hasDefault(defaults: readonly DefaultRoute[], interfaceIndex: number): boolean {
  return defaults.some((route) => route.interfaceIndex === interfaceIndex)
}
