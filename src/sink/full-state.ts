import type { Cidr } from '../model/ip.ts'
import type { LocalService } from '../model/local.ts'
import type { Node } from '../model/node.ts'
import type { ServiceKey } from '../model/service.ts'
import type { Sink } from './sink.ts'

/** Everything that a node must do. */
export interface FullState {
  /** Grows with each change. */
  readonly revision: number
  /** Every Service, in the order of their keys. */
  readonly services: readonly LocalService[]
  /** Keys of those that may be different since the last state that was taken over, also of those that are gone. */
  readonly changed: ReadonlySet<ServiceKey>
  /** The node's own object; undefined when it is not known. */
  readonly node: Node | undefined
  /** Ranges out of which Services get their cluster IPs; empty when they are not known. */
  readonly serviceCIDRs: readonly Cidr[]
}

/**
 * A sink that is told everything at each change, as KPNG's `fullstate`. To find out what is different, keep a DiffStore.
 *
 * @param callback called for each state; when it throws, it is called again, with the state as it is then
 */
export function fullState(name: string, callback: (state: FullState) => Promise<void> | void): Sink {
  const services = new Map<ServiceKey, LocalService>()
  let node: Node | undefined
  let serviceCIDRs: readonly Cidr[] = []
  return {
    name,
    async apply(changes) {
      for (const [key, local] of changes.services) {
        if (local === undefined) services.delete(key)
        else services.set(key, local)
      }
      if (changes.node !== undefined) node = changes.node ?? undefined
      serviceCIDRs = changes.serviceCIDRs ?? serviceCIDRs
      await callback({
        revision: changes.revision,
        services: [...services.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
        changed: new Set(changes.services.keys()),
        node,
        serviceCIDRs,
      })
    },
  }
}
