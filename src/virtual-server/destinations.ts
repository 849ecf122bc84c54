import type { Family } from '../model/ip.ts'
import type { ServiceKey } from '../model/service.ts'
import { Claims } from './claims.ts'
import type { PlaneChanges, PlaneProblem } from './data-plane.ts'
import { destinationKey, servicePortName, type VirtualServer } from './virtual-server.ts'

/** The virtual server that now has each destination; undefined for a destination that nobody has any more. */
export type Winners = ReadonlyMap<string, VirtualServer | undefined>

/** Of both families, to be filled. */
export function noWinners(): Record<Family, Map<string, VirtualServer | undefined>> {
  return { 4: new Map(), 6: new Map() }
}

/** All destinations of a node, and who has each of them. What a data plane keeps in front of its own rendering. */
export class Destinations {
  readonly #claims = new Claims()
  readonly #served = new Map<ServiceKey, readonly VirtualServer[]>()

  /** Takes over changes. @returns what became of every destination that they touch, by family. */
  update({ services }: Pick<PlaneChanges, 'services'>): Readonly<Record<Family, Winners>> {
    const winners = noWinners()
    for (const [key, servers] of services) this.updateService(key, servers, winners)
    return winners
  }

  /** Takes over one Service, and writes what became of every destination that it touches into `winners`. */
  updateService(key: ServiceKey, servers: readonly VirtualServer[], winners: ReturnType<typeof noWinners>): void {
    const before = this.#served.get(key) ?? []
    this.#claims.replace(before, servers)
    if (servers.length > 0) this.#served.set(key, servers)
    else this.#served.delete(key)
    for (const list of [before, servers]) {
      for (const server of list) {
        const destination = destinationKey(server)
        winners[server.family].set(destination, this.#claims.winner(destination))
      }
    }
  }

  /** Who has each destination, by family. */
  winners(): Readonly<Record<Family, Winners>> {
    const winners = noWinners()
    for (const servers of this.#served.values()) {
      for (const server of servers) {
        const key = destinationKey(server)
        winners[server.family].set(key, this.#claims.winner(key))
      }
    }
    return winners
  }

  /** Destinations that some Service does not have because another one has them. */
  problems(): PlaneProblem[] {
    return [...this.#claims.lost()].map(({ loser, winner }) => ({
      object: servicePortName(loser),
      message: `${destinationKey(loser)} is not served: ${servicePortName(winner)}, which takes precedence, has it`,
      kind: 'conflict',
    }))
  }
}
