import type { Family } from '../model/ip.ts'
import type { ServiceKey } from '../model/service.ts'
import type { VirtualServer } from '../virtual-server/virtual-server.ts'

/** kube-proxy's names of the two policies. */
export type PolicyKind = 'internal' | 'external'

/**
 * Counts the ports of Services whose traffic policy is Local and that have endpoints, but none on this node: their connections
 * are dropped. Each port and family counts once for a kind of traffic, as kube-proxy has it. Costs what changed.
 */
export class NoLocalEndpoints {
  /** Of Services that have any; most have none. */
  readonly #ofService = new Map<ServiceKey, readonly string[]>()
  readonly #counts = new Map<string, number>()

  /** All virtual servers that a Service has now. */
  set(key: ServiceKey, servers: readonly VirtualServer[]): void {
    for (const kind of this.#ofService.get(key) ?? []) this.#counts.set(kind, (this.#counts.get(kind) ?? 0) - 1)
    const kinds = [...new Map(servers.filter(isWithout).map((server) => [portKey(server), kindKey(server)])).values()]
    for (const kind of kinds) this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
    if (kinds.length > 0) this.#ofService.set(key, kinds)
    else this.#ofService.delete(key)
  }

  count(family: Family, policy: PolicyKind): number {
    return this.#counts.get(`${family} ${policy}`) ?? 0
  }
}

/** A pool that is empty though the Service has endpoints is one of the policy Local. */
function isWithout({ whenEmpty, pool }: VirtualServer): boolean {
  return whenEmpty === 'drop' && pool.endpoints.length === 0
}

function kindKey({ family, class: kind }: VirtualServer): string {
  return `${family} ${kind === 'cluster' ? 'internal' : 'external'}`
}

function portKey(server: VirtualServer): string {
  return `${kindKey(server)} ${server.pool.key}`
}
