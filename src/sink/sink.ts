import type { Cidr } from '../model/ip.ts'
import type { LocalService } from '../model/local.ts'
import type { Node } from '../model/node.ts'
import type { ServiceKey } from '../model/service.ts'

/** Something that is kept in line with what one node must do: a data plane, a file, a program that is told. */
export interface Sink {
  /** What it is called in hooks and in its health. */
  readonly name: string

  /**
   * Takes over one change set. The next one comes when this one is done, and is then all that changed meanwhile, so that a slow
   * sink never has a queue. The first change set comes when the whole state is known, also when it is empty.
   *
   * When it throws, the same changes come again after a pause, together with what changed since: what was done of them
   * already must do no harm a second time.
   */
  apply(changes: SinkChanges): Promise<void> | void

  /** Nothing comes any more. Called once, after the last {@link apply} is done. */
  close?(): Promise<void> | void
}

/** What is different since the last change set that a sink has taken over. */
export interface SinkChanges {
  /** Revision of the state that these changes lead to; grows. */
  readonly revision: number
  /** True until one change set was taken over: then these are all Services that there are. */
  readonly isFirst: boolean
  /** Services that may be different, with what they are now; undefined when the node has nothing to do for it any more. */
  readonly services: ReadonlyMap<ServiceKey, LocalService | undefined>
  /** The node's own object, when it changed; undefined when it did not, null when there is none any more. */
  readonly node: Node | null | undefined
  /** Ranges out of which Services get their cluster IPs, when they may have changed; undefined when they did not. */
  readonly serviceCIDRs: readonly Cidr[] | undefined
}
