import type { Cidr } from '../model/ip.ts'
import type { LocalService } from '../model/local.ts'
import type { Node } from '../model/node.ts'
import type { ServiceKey } from '../model/service.ts'
import type { ChangeTimes, StoreChanges } from './reader.ts'

/** What changed for a node. */
export interface LocalChanges {
  /** Revision of the state that these changes lead to. */
  readonly revision: number
  /** Services for which the node may have to do something else now: ask {@link LocalState.local} for each. */
  readonly services: ReadonlySet<ServiceKey>
  /** The node's own object, when it changed; undefined when it did not, null when there is none any more. */
  readonly node: Node | null | undefined
  /** Ranges out of which Services get their cluster IPs, when they may have changed; undefined when they did not, and for a proxy with a name. */
  readonly serviceCIDRs: readonly Cidr[] | undefined
  readonly times: ChangeTimes
}

/** What one node must do, and what becomes of that: made here out of the cluster's state, or told by a server. */
export interface LocalState {
  /** Waits for the next changes; the first name every Service. @returns undefined once closed. */
  next(): Promise<LocalChanges | undefined>

  /** What the node must do for a Service; undefined when there is nothing. */
  local(key: ServiceKey): LocalService | undefined

  /** Services whose load-balancer addresses are for some sources only. */
  restricted(): Iterable<ServiceKey>

  /** Grows with each change of the state; 0 at first. */
  readonly revision: number

  /** Changes that came so far, whether or not anybody took them. */
  readonly changes: StoreChanges

  /** How many objects the state is made of; 0 for kinds that it is not told of. */
  readonly objects: { readonly services: number; readonly endpointSlices: number; readonly nodes: number }

  /** Ends {@link next}; when it resolves, nothing is under way any more. */
  close(): Promise<void>
}
