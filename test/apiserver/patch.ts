import type { IncomingMessage } from 'node:http'
import type { Manifest } from '../sluice/manifests.ts'
import { apiVersionOf, COLLECTIONS, subjectOf, type Target } from './collections.ts'
import { bodyOf } from './create.ts'
import type { Etcd } from './etcd.ts'
import { checkEventChange } from './event-rules.ts'
import { ApiError, notFound } from './status.ts'

/** A PATCH in the form of a JSON merge patch (RFC 7396). @returns what the object is now. @throws ApiError */
export async function patch(etcd: Etcd, target: Target, request: IncomingMessage): Promise<Manifest> {
  const { collection, namespace, name } = target
  if (request.headers['content-type'] !== 'application/merge-patch+json') {
    throw new ApiError(415, '415: Unsupported Media Type', { details: {} })
  }
  const changes = await bodyOf(request)
  const present = etcd.get(collection, namespace, name)
  if (present === undefined) throw notFound(subjectOf(target))
  const spec = COLLECTIONS[collection]
  const changed = { apiVersion: apiVersionOf(spec), kind: spec.kind, ...merge(present, changes) }
  if (collection === 'events') checkEventChange(present, changed)
  return etcd.put(collection, changed)
}

function merge(present: Manifest, changes: Manifest): Manifest {
  const merged = new Map(Object.entries(present))
  for (const [key, value] of Object.entries(changes)) {
    const before = merged.get(key)
    if (value === null) merged.delete(key)
    else merged.set(key, isObject(value) ? merge(isObject(before) ? before : {}, value) : value)
  }
  return Object.fromEntries(merged)
}

function isObject(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
