import type { Cidr, Family, IpAddress } from '../model/ip.ts'
import type { ServiceKey } from '../model/service.ts'
import type { VirtualServer } from './virtual-server.ts'

/** What a data plane has to change. */
export interface PlaneChanges {
  /** All virtual servers of each Service that changed; an empty list for a Service that is gone. */
  readonly services: ReadonlyMap<ServiceKey, readonly VirtualServer[]>
  /** The node's addresses on which node ports are served; undefined when they are as before. */
  readonly nodeAddresses: readonly IpAddress[] | undefined
  /**
   * Addresses of pods, where pods are told by their addresses; absent when they are as before. Before it is first told, they
   * are those that the plane was made with.
   */
  readonly podCIDRs?: readonly Cidr[] | undefined
  /** Ranges out of which Services get their cluster IPs: an address there that none has is dropped. Absent when as before. */
  readonly serviceCIDRs?: readonly Cidr[] | undefined
}

/** Something that a data plane could not do. The rest is served. */
export interface PlaneProblem {
  /** `namespace/name:port`, or what else is meant. */
  readonly object: string
  readonly message: string
  /** `conflict`: another Service has the destination. Absent for everything else. */
  readonly kind?: 'conflict'
}

/** Numbers for the status; what a plane does not have is 0. */
export interface PlaneCounts {
  readonly virtualServers: number
  readonly endpoints: number
  /** Kernel transactions committed since the start. */
  readonly transactions: number
  /** How often somebody else's change of the plane's own objects was found and undone. */
  readonly driftRepaired: number
}

/** How an attempt went to bring one family in line. */
export interface FamilySync {
  /** With what was done for both families together. */
  readonly durationMs: number
  /** What is in the kernel was read and compared; otherwise only what changed was written. */
  readonly isFull: boolean
  readonly isInLine: boolean
}

/** Told what a data plane does, to be measured. */
export interface PlaneObserver {
  /** At each `apply`, and when a family was repaired. */
  synced(family: Family, sync: FamilySync): void
  /** The kernel took a transaction. */
  committed(durationMs: number): void
  /** What was left of endpoints that are gone, beside the rules, could not be deleted. */
  cleanupFailed(family: Family): void
}

/** One way of programming the node. It is told virtual servers and knows nothing of Kubernetes. */
export interface DataPlane {
  /** `nft`, `ipvs` ... */
  readonly name: string
  /**
   * Serves the changes; when the promise resolves, the next new connection obeys them. The first call has the whole state:
   * the plane reads back what an earlier run left, and applies the difference. Not called again before it settled.
   * After a rejection the changes are not forgotten: the plane brings the kernel in line by itself, or with the next call.
   */
  apply(changes: PlaneChanges): Promise<void>
  /**
   * Makes sure that what is in the kernel is still what it must be, and repairs it (promise 89). Costs little while nobody
   * writes there. Not called before the first {@link apply}, nor while it runs.
   */
  check(): Promise<void>
  /** Families that the last {@link apply} did not bring in line; those that are not named have all changes. */
  readonly failedFamilies: readonly Family[]
  /** What could not be done, at present. */
  problems(): readonly PlaneProblem[]
  counts(): PlaneCounts
  /** Lets go of the kernel; the rules stay. */
  close(): Promise<void>
}
