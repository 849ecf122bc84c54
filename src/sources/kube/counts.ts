import type { ClusterObject } from '../../model/object.ts'

/**
 * Why everything was listed again.
 *
 * - `expired`: the API server forgot the resource version from which to go on.
 * - `ahead`: the API server has not come as far as we have: its database was put back.
 * - `continuation`: it forgot how a list goes on that was read in pages.
 */
export type RelistReason = 'expired' | 'ahead' | 'continuation'

/** What a reflector has done since the process started; all but the last three only grow. */
export interface ReflectorCounts {
  readonly kind: ClusterObject['kind']
  /** Everything was listed once, and the last request was answered as it must be. */
  readonly isConnected: boolean
  /** Lists that were read to their end, as pages or as the beginning of a watch. */
  readonly lists: number
  readonly relists: Readonly<Record<RelistReason, number>>
  /** Watches that the API server began, those that begin with a list among them. */
  readonly watches: number
  /** Watches that went on where another one had ended. */
  readonly resumes: number
  /** Objects that came, changed or went, after lists. */
  readonly events: number
  readonly bookmarks: number
  /** Events that had been seen, and were not applied. */
  readonly staleEvents: number
  /** Of answers, as JSON. */
  readonly bytesReceived: number
  /** Milliseconds since an event or a bookmark came; undefined before the first. */
  readonly sinceEventMs: number | undefined
  /** Objects that are held. */
  readonly objects: number
  /** Objects that cannot be used, or only in part. */
  readonly objectsWithProblems: number
}

/** Counts as they grow. */
export type Growing = {
  -readonly [name in Exclude<
    keyof ReflectorCounts,
    'kind' | 'isConnected' | 'relists' | 'sinceEventMs' | 'objects' | 'objectsWithProblems'
  >]: number
} & { readonly relists: Record<RelistReason, number>; lastEventAt: number | undefined }

export function noCounts(): Growing {
  return {
    lists: 0,
    relists: { expired: 0, ahead: 0, continuation: 0 },
    watches: 0,
    resumes: 0,
    events: 0,
    bookmarks: 0,
    staleEvents: 0,
    bytesReceived: 0,
    lastEventAt: undefined,
  }
}
