import type { Family } from '../../src/model/ip.ts'
import type { RulesetSize } from './ruleset.ts'

/** Raw figures of one run, as they are kept in JSON. Times are milliseconds unless a name says otherwise. */
export interface Results {
  /** Changes when older files can no longer be read. */
  readonly format: 1
  readonly isQuick: boolean
  /** ISO 8601. */
  readonly startedAt: string
  minutes: number
  /** What a reader has to know of this run; absent when there is nothing. */
  note?: string
  readonly machine: Machine
  readonly options: RunOptions
  readonly cells: Cell[]
  readonly lifecycles: Lifecycle[]
}

export interface Machine {
  readonly cpu: string
  readonly cpus: number
  readonly memoryBytes: number
  readonly kernel: string
  /** Versions by program; empty where it does not say. */
  readonly versions: Readonly<Record<string, string>>
  /** One, five and fifteen minutes, when the run began: other work disturbs. */
  readonly loadAverage: readonly number[]
  /** Processes in namespaces where somebody listens to nf_tables notifications: they make big transactions slower. */
  readonly listeners: number
}

export interface RunOptions {
  readonly services: readonly number[]
  readonly endpoints: readonly number[]
  readonly families: readonly Family[]
  readonly rounds: number
  readonly boundSeconds: number
}

/** A sample of which every value is kept, in the order in which they came. */
export type Values = number[]

/** A sample that is too large for that. */
export interface Summary {
  readonly count: number
  readonly min: number
  readonly q1: number
  readonly median: number
  readonly q3: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** connect() to one Service: one value for each round. Microseconds. */
export interface Connects {
  readonly p50: Values
  readonly p90: Values
  readonly p99: Values
  /** Connections made, accepted and closed in a second, by one core. */
  readonly perSecond: Values
}

export const CHANGE_KINDS = [
  'endpoint replaced',
  'endpoint added',
  'Service added',
  'Service removed',
  '1,000 Services changed',
] as const

export type ChangeKind = (typeof CHANGE_KINDS)[number]

/** What one peer did at one size. */
export interface Cell {
  readonly peer: string
  readonly services: number
  readonly endpoints: number
  readonly family: Family
  /** Why there are no figures, or not all of them; empty when it did everything. */
  problem: string
  /** From nothing until everything is programmed, one value for each round. */
  load?: Values
  /** CPU time of each. */
  loadCpu?: Values
  /** Sluice: the same in a process that has compiled nothing yet. */
  coldLoad?: Values
  /** Sluice: the netlink messages of the load alone, sent once more to an empty kernel. */
  replay?: Values
  ruleset?: RulesetSize
  /** Kernel memory by the rise of each load and the fall of each clearing. Bytes. */
  kernelBytes?: Values
  /** Highest resident memory of the processes that programmed. Bytes. */
  processBytes?: number
  connects?: { readonly first: Connects; readonly last: Connects }
  /** Through an established connection to the last Service, by one core, one value for each round. Bytes a second. */
  throughput?: Values
  changes?: Partial<Record<ChangeKind, Summary>>
  /** From a changed EndpointSlice, or the start of the program that is given the change, to the first connection that obeys. */
  propagation?: Values
  /** From the start of the process to the first connection that obeys what changed while it was away. */
  restart?: Values
  /** From the loss of all tables to the first connection that works again; empty when none did within 45 seconds. */
  drift?: Values
  /** Sluice: heap in use after that many changes, collected. Bytes. */
  heap?: { readonly changes: number; readonly before: number; readonly after: number }
}

/** One Service with many endpoints created and deleted beside another one, as kube-nftlb's benchmark does. */
export interface Lifecycle {
  readonly peer: string
  readonly endpoints: number
  /** Until everything is programmed. */
  readonly create: Values
  readonly delete: Values
  /** In the whole namespace, with the Service and without it. */
  readonly rules: { readonly with: number; readonly without: number }
}

export function summaryOf(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b)
  const q = (share: number) => rounded(quantile(sorted, share))
  return {
    count: values.length,
    min: q(0),
    q1: q(0.25),
    median: q(0.5),
    q3: q(0.75),
    p90: q(0.9),
    p99: q(0.99),
    max: q(1),
  }
}

export function medianOf(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  )
}

/** Of sorted values, linear between the two around it; NaN when there is none. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN]
  return low + (high - low) * (at - Math.floor(at))
}

/** Four significant digits: more would be noise in the files. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
