import type { VirtualServer } from '../../../src/virtual-server/virtual-server.ts'
import { endpoint, virtualServer } from '../../support/services.ts'
import type { ServiceChange } from '../layouts/layout.ts'
import type { Peer } from '../peer.ts'
import type { ChangeKind } from '../results.ts'

/** Services that are changed together. */
const MANY = 1000
/** Numbers of endpoints behind all that a cell has. */
const FIRST_SPARE = 3_000_000

/** Makes the changes that are measured, each with what undoes it. One belongs to one peer. */
export class ChangeMaker {
  readonly #services: number
  readonly #endpoints: number
  #spare = FIRST_SPARE
  #next = 0

  constructor(services: number, endpoints: number) {
    this.#services = services
    this.#endpoints = endpoints
  }

  /** One change of a kind, and those that lead back to where it began; none when it is as good there. */
  make(kind: ChangeKind, peer: Peer): { change: ServiceChange[]; undo: ServiceChange[] } {
    switch (kind) {
      case 'endpoint replaced':
        return { change: [this.#replace(this.#pick(peer))], undo: [] }
      case 'endpoint added': {
        const before = this.#pick(peer)
        const after = this.#with(before, [...before.pool.endpoints, this.#spareEndpoint(before)])
        return { change: [{ before, after }], undo: [{ before: after, after: before }] }
      }
      case 'Service added': {
        const after = this.#newService(peer)
        return { change: [{ before: undefined, after }], undo: [{ before: after, after: undefined }] }
      }
      case 'Service removed': {
        const before = this.#pick(peer)
        return { change: [{ before, after: undefined }], undo: [{ before: undefined, after: before }] }
      }
      case '1,000 Services changed':
        return { change: peer.servers.slice(0, MANY).map((server) => this.#replace(server)), undo: [] }
    }
  }

  /** True where a kind can be measured at all. */
  isPossible(kind: ChangeKind): boolean {
    return kind !== '1,000 Services changed' || this.#services >= MANY
  }

  #pick({ servers }: Peer): VirtualServer {
    // All over the table, and not one after the other.
    this.#next = (this.#next + 7919) % this.#services
    const server = servers[this.#next % servers.length]
    if (server === undefined) throw new TypeError('there are no Services')
    return server
  }

  #replace(before: VirtualServer): ServiceChange {
    const [, ...rest] = before.pool.endpoints
    return { before, after: this.#with(before, [...rest, this.#spareEndpoint(before)]) }
  }

  #newService(peer: Peer): VirtualServer {
    const family = peer.servers[0]?.family ?? 4
    const endpoints = Array.from({ length: this.#endpoints }, () => endpoint(this.#spare++, family))
    return virtualServer(this.#services + 1, endpoints, family)
  }

  #spareEndpoint({ family }: VirtualServer) {
    return endpoint(this.#spare++, family)
  }

  #with(server: VirtualServer, endpoints: VirtualServer['pool']['endpoints']): VirtualServer {
    return { ...server, pool: { ...server.pool, endpoints } }
  }
}
