import { destinationKey, type VirtualServer } from './virtual-server.ts'

/** A virtual server that is not served because another Service has its destination. */
export interface LostClaim {
  readonly loser: VirtualServer
  readonly winner: VirtualServer
}

/**
 * Who has which destination. Of several claims the Service with the oldest creationTimestamp wins, then the one that comes
 * first by namespace and name; the others take over when it goes. Costs what changed.
 */
export class Claims {
  /** Sorted, the winner first. One claim is kept bare, since nearly all destinations have one. */
  readonly #claims = new Map<string, VirtualServer | VirtualServer[]>()
  readonly #contested = new Set<string>()

  /** The virtual server that has this destination; undefined when nobody claims it. */
  winner(key: string): VirtualServer | undefined {
    const claims = this.#claims.get(key)
    return Array.isArray(claims) ? claims[0] : claims
  }

  /** Replaces the claims of one Service. `before` is what it claimed, as it was given before. */
  replace(before: readonly VirtualServer[], after: readonly VirtualServer[]): void {
    for (const server of before) this.#remove(server)
    for (const server of after) this.#add(server)
  }

  /** Every claim that lost, at present. */
  *lost(): Generator<LostClaim> {
    for (const key of this.#contested) {
      const claims = this.#claims.get(key)
      if (!Array.isArray(claims)) continue
      const [winner, ...losers] = claims
      for (const loser of losers) if (winner !== undefined) yield { loser, winner }
    }
  }

  #add(server: VirtualServer): void {
    const key = destinationKey(server)
    const claims = this.#claims.get(key)
    if (claims === undefined) {
      this.#claims.set(key, server)
      return
    }
    const all = Array.isArray(claims) ? claims : [claims]
    insert(all, server)
    this.#claims.set(key, all)
    this.#contested.add(key)
  }

  #remove(server: VirtualServer): void {
    const key = destinationKey(server)
    const claims = this.#claims.get(key)
    const left = Array.isArray(claims) ? claims.filter((claim) => claim !== server) : []
    const [only] = left
    if (only === undefined) this.#claims.delete(key)
    else this.#claims.set(key, left.length === 1 ? only : left)
    if (left.length < 2) this.#contested.delete(key)
  }
}

/** Puts a claim into a sorted list, behind its equals. */
function insert(claims: VirtualServer[], server: VirtualServer): void {
  let low = 0
  let high = claims.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const other = claims[middle]
    if (other !== undefined && byPrecedence(other, server) <= 0) low = middle + 1
    else high = middle
  }
  claims.splice(low, 0, server)
}

/** Cluster IP before external IP within one Service; between Services the older, then by namespace and name. */
function byPrecedence(a: VirtualServer, b: VirtualServer): number {
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp - b.creationTimestamp
  if (a.service !== b.service) return compareKeys(a.service, b.service)
  return a.class === b.class ? 0 : a.class === 'cluster' ? -1 : 1
}

function compareKeys(a: string, b: string): number {
  const [namespaceA = '', nameA = ''] = a.split('/')
  const [namespaceB = '', nameB = ''] = b.split('/')
  return compareText(namespaceA, namespaceB) || compareText(nameA, nameB)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
