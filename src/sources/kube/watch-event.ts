import { SourceError } from '../error.ts'
import type { ApiClient } from './api-client.ts'

/** On the bookmark behind the last object of a list that came as a watch (KEP-3157). */
const LIST_END = 'k8s.io/initial-events-end'

/** One event of a watch. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: unknown
  /** Never empty. */
  readonly resourceVersion: string
  /** The objects so far are all that there were. */
  readonly isListEnd: boolean
}

interface Untrusted {
  readonly code?: unknown
  readonly metadata?: {
    readonly resourceVersion?: unknown
    readonly annotations?: Record<string, unknown> | null
  } | null
}

/** @throws SourceError when it is none, or tells of an error. */
export function readWatchEvent(value: unknown, client: ApiClient, path: string): WatchEvent {
  const { type, object } = (value ?? {}) as { type?: unknown; object?: unknown }
  const { code, metadata } = (object ?? {}) as Untrusted
  if (type === 'ERROR') throw client.statusError(path, typeof code === 'number' ? code : 500, object)
  const resourceVersion = metadata?.resourceVersion
  if (typeof resourceVersion !== 'string' || resourceVersion === '') {
    throw new SourceError(
      'SOURCE_REFUSED',
      client.origin(path),
      'the API server sent an event without resource version',
    )
  }
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED' && type !== 'BOOKMARK') {
    throw new SourceError('SOURCE_REFUSED', client.origin(path), 'the API server sent an event of an unknown type')
  }
  const isListEnd = type === 'BOOKMARK' && metadata?.annotations?.[LIST_END] === 'true'
  return { type, object, resourceVersion, isListEnd }
}
