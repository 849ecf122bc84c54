import type { Collection } from './collections.ts'

/** As in rules of RBAC. */
export type Verb = 'list' | 'watch' | 'get' | 'create' | 'patch'

/** A request as it came, and what became of it. */
export interface SeenRequest {
  /** Undefined for a path that is not served. */
  readonly collection: Collection | undefined
  readonly verb: Verb
  readonly path: string
  readonly query: URLSearchParams
  readonly authorization: string | undefined
  readonly accept: string | undefined
  readonly userAgent: string | undefined
  /** Of the answer; 0 while there is none. */
  status: number
  /** Of the answer's body, before the encoding of the transfer. */
  bytesSent: number
  isOpen: boolean
}
