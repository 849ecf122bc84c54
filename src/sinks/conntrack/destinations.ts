import { type RawAddress, rawAddress } from '../../kernel/conntrack/flow.ts'
import { FAMILIES, type Family, familyOf, type IpAddress, ipBytes } from '../../model/ip.ts'
import type { ServiceKey } from '../../model/service.ts'
import { Destinations } from '../../virtual-server/destinations.ts'
import type { PoolEndpoint, VirtualServer } from '../../virtual-server/virtual-server.ts'
import { PortTable } from './port-table.ts'

/** The endpoints that serve a destination, by {@link endpointKey}. */
type Serving = ReadonlySet<string>

/** One family's UDP destinations, and who serves them. */
export interface UdpDestinations {
  /** Service addresses: cluster, external and load-balancer IPs. */
  readonly addresses: PortTable<Serving>
  /** By port: served on each of `nodeAddresses`. */
  readonly nodePorts: Map<number, Serving>
  nodeAddresses: ReadonlySet<RawAddress>
  /** Destinations that were given up since the last cleanup. One that somebody has again is in the other tables, too. */
  readonly gone: PortTable<true>
}

/** An endpoint as a key: its address, and its port as one more character. */
export function endpointKey(address: RawAddress, port: number): string {
  return address + String.fromCharCode(port)
}

/**
 * Keeps the UDP destinations of a node. Of several Services that claim one destination the endpoints of that one count which
 * has it, as in the data plane.
 */
export class UdpState {
  readonly families: Readonly<Record<Family, UdpDestinations>> = { 4: noDestinations(), 6: noDestinations() }
  readonly #destinations = new Destinations()
  /** Destinations of a ServicePort share their list of endpoints, and so its set. */
  readonly #sets = new WeakMap<readonly PoolEndpoint[], Serving>()
  /** What is in the tables, by destination key. */
  readonly #known = new Map<string, VirtualServer>()

  /** Takes over what one Service has now. @returns the families in which an entry may have become stale. */
  setService(key: ServiceKey, servers: readonly VirtualServer[]): Family[] {
    const winners = this.#destinations.update({ services: new Map([[key, servers.filter(isUdp)]]) })
    return FAMILIES.filter((family) => {
      // Each of them is taken over, also behind the first that differs.
      return [...winners[family]].filter(([destination, winner]) => this.#replace(destination, winner)).length > 0
    })
  }

  /** Takes over where node ports are served. @returns the families in which an entry may have become stale. */
  setNodeAddresses(addresses: readonly IpAddress[]): Family[] {
    return FAMILIES.filter((family) => {
      const state = this.families[family]
      const ofFamily = addresses.filter((address) => familyOf(address) === family)
      const before = state.nodeAddresses
      state.nodeAddresses = new Set(ofFamily.map((address) => rawAddress(ipBytes(address))))
      if (areEqual(before, state.nodeAddresses)) return false
      for (const port of state.nodePorts.keys()) for (const address of before) state.gone.set(address, port, true)
      return state.nodePorts.size > 0
    })
  }

  /** @returns false when the same endpoints serve it as before. */
  #replace(key: string, winner: VirtualServer | undefined): boolean {
    const before = this.#known.get(key)
    if (winner === undefined) {
      this.#known.delete(key)
      if (before !== undefined) this.#remove(before)
      return before !== undefined
    }
    const serving = this.#servingSet(winner.serving)
    const isSame = before !== undefined && areEqual(serving, this.#servingSet(before.serving))
    this.#known.set(key, winner)
    if (!isSame) this.#add(winner, serving)
    return !isSame
  }

  #add({ family, address, port }: VirtualServer, serving: Serving): void {
    const { addresses, nodePorts } = this.families[family]
    if (address === undefined) nodePorts.set(port, serving)
    else addresses.set(rawAddress(ipBytes(address)), port, serving)
  }

  #remove({ family, address, port }: VirtualServer): void {
    const { addresses, nodePorts, nodeAddresses, gone } = this.families[family]
    if (address === undefined) {
      nodePorts.delete(port)
      for (const raw of nodeAddresses) gone.set(raw, port, true)
      return
    }
    const raw = rawAddress(ipBytes(address))
    addresses.delete(raw, port)
    gone.set(raw, port, true)
  }

  #servingSet(endpoints: readonly PoolEndpoint[]): Serving {
    let set = this.#sets.get(endpoints)
    if (set === undefined) {
      set = new Set(endpoints.map(({ address, port }) => endpointKey(rawAddress(ipBytes(address)), port)))
      this.#sets.set(endpoints, set)
    }
    return set
  }
}

function noDestinations(): UdpDestinations {
  return { addresses: new PortTable(), nodePorts: new Map(), nodeAddresses: new Set(), gone: new PortTable() }
}

function isUdp(server: VirtualServer): boolean {
  return server.protocol === 'UDP'
}

function areEqual(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a === b || (a.size === b.size && [...a].every((key) => b.has(key)))
}
