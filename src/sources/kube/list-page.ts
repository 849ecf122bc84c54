import { SourceError } from '../error.ts'

/** One page of a list. */
export interface ListPage {
  readonly items: readonly unknown[]
  readonly resourceVersion: string
  /** What to give as `continue`; empty for the last page. */
  readonly next: string
}

/** @throws SourceError when it is no list. */
export function readPage(value: unknown, origin: string): ListPage {
  const { items, metadata } = (value ?? {}) as { items?: unknown; metadata?: Record<string, unknown> | null }
  const { resourceVersion, continue: next } = metadata ?? {}
  const isList = items === null || Array.isArray(items)
  if (!isList || typeof resourceVersion !== 'string' || resourceVersion === '') {
    throw new SourceError('SOURCE_REFUSED', origin, 'the API server answered something that is no list')
  }
  return { items: items ?? [], resourceVersion, next: typeof next === 'string' ? next : '' }
}
