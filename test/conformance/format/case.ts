import type { Env } from './env.ts'

/** What becomes of a new connection. */
export const VERDICTS = ['DNAT', 'REJECT', 'DROP', 'PASS'] as const
export type Verdict = (typeof VERDICTS)[number]

export const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const

/** New connections from one source to one destination, and what must become of them. */
export interface Probe {
  readonly id: string
  readonly name: string
  readonly source: string
  readonly destination: string
  readonly port: number
  readonly protocol: (typeof PROTOCOLS)[number]
  /** Port that all its connections are sent from, one after the other; undefined: each from another. */
  readonly sourcePort: number | undefined
  readonly expect: {
    readonly verdict: Verdict
    /** `IP:port`, in brackets for IPv6; DNAT only. All of them are hit, about equally often, and no other. */
    readonly endpoints: readonly string[]
    /** Whether the source is replaced by one of the node; undefined when the case does not say. */
    readonly masquerade: boolean | undefined
    /** Expectations that the runner does not know; a probe with one fails. */
    readonly unknown: readonly string[]
  }
  /** Number of connections; as many as chance demands when undefined. */
  readonly repeat: number | undefined
  /** All connections go to one of `expect.endpoints`, as session affinity has it. */
  readonly sameEndpoint: boolean
  /**
   * Id of an earlier probe whose last endpoint this one must go to (with `sameEndpoint`), if it still is one of
   * `expect.endpoints`; empty when there is none.
   */
  readonly sameAs: string
  /** Milliseconds in which the probe must come to pass; 0: at once. */
  readonly within: number
}

/** A step: its kind, and what that kind has read. */
export interface Step {
  readonly kind: string
  readonly value: unknown
}

/** A test by another runner that shows what a case cannot. */
export interface ShownBy {
  /** Path from the root of the repository. */
  readonly file: string
  /** The test's name. */
  readonly test: string
}

/** One case of the suite. */
export interface Case {
  readonly id: string
  readonly title: string
  /** Numbers of the promises that it shows. */
  readonly promises: readonly number[]
  /** Base name of its file. */
  readonly file: string
  readonly env: Env
  readonly steps: readonly Step[]
  /** Why the promise is not kept; empty when it is. */
  readonly declined: string
  /** Which piece of work will keep the promise; empty when it is kept, or declined. */
  readonly later: string
  /** A feature of the kernel without which the case is left out; empty when any will do. */
  readonly needs: string
  readonly shownBy: ShownBy | undefined
}

/** A row of a section with a judge of its own. */
export interface SectionCase {
  /** Name of the section in the file. */
  readonly section: string
  readonly file: string
  readonly data: unknown
}

/** What a case file holds. */
export interface CaseFile {
  readonly cases: readonly Case[]
  readonly sections: readonly SectionCase[]
}
