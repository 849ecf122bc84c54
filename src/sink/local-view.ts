import type { Cidr } from '../model/ip.ts'
import type { LocalService } from '../model/local.ts'
import type { Node } from '../model/node.ts'
import type { ServiceKey } from '../model/service.ts'

/** What changed for a node. */
export interface LocalViewChanges {
  /** Revision of the state that these changes lead to. */
  readonly revision: number
  /** Services for which the node may have to do something else now: ask {@link LocalView.local} for each. */
  readonly services: ReadonlySet<ServiceKey>
  /** The node's own object, when it changed; undefined when it did not, null when there is none any more. */
  readonly node: Node | null | undefined
  /** Ranges out of which Services get their cluster IPs, when they may have changed; undefined when they did not. */
  readonly serviceCIDRs: readonly Cidr[] | undefined
}

/** What one node must do, and what becomes of that: what sinks are fed from. */
export interface LocalView {
  /** Waits for the next changes; the first name every Service. @returns undefined once it is closed */
  next(): Promise<LocalViewChanges | undefined>

  /** What the node must do for a Service; undefined when there is nothing. */
  local(key: ServiceKey): LocalService | undefined
}
