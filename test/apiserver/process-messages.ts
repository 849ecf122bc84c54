import type { Collection } from './collections.ts'
import type { ClusterSize } from './load.ts'
import type { Verb } from './requests.ts'
import type { StreamingLists } from './watch.ts'

/** What the process is started with, as JSON. */
export interface ProcessOptions {
  readonly size: ClusterSize
  readonly streamingLists: StreamingLists
}

/** What the process is told; each command has one report. */
export type Command =
  | { readonly kind: 'churn'; readonly perSecond: number }
  /** Change what is easily seen in the kernel. */
  | { readonly kind: 'mark' }
  | { readonly kind: 'traffic' }
  /** End the changes and write all objects to a file. */
  | { readonly kind: 'rest'; readonly file: string }

/** A request and what it cost. */
export interface Traffic {
  readonly collection: Collection | undefined
  readonly verb: Verb
  readonly query: string
  readonly status: number
  readonly bytesSent: number
}

/** What the process says. */
export type Report =
  | { readonly kind: 'listening'; readonly url: string }
  | { readonly kind: 'done' }
  /** `at`: nanoseconds of the monotonic clock, just before it was sent. */
  | { readonly kind: 'marked'; readonly address: string; readonly at: string }
  | { readonly kind: 'traffic'; readonly traffic: readonly Traffic[] }
  | { readonly kind: 'rested'; readonly changes: number }
