import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Manifest } from '../sluice/manifests.ts'
import { apiVersionOf, COLLECTIONS, metaOf, subjectOf, type Target } from './collections.ts'
import type { Etcd } from './etcd.ts'
import { checkEvent } from './event-rules.ts'
import { ApiError, detailsOf, qualified } from './status.ts'

/** A POST: the object gets what the API server gives each. @returns what was made. @throws ApiError */
export async function create(etcd: Etcd, target: Target, request: IncomingMessage): Promise<Manifest> {
  const spec = COLLECTIONS[target.collection]
  const object = await bodyOf(request)
  if (object['kind'] !== spec.kind || object['apiVersion'] !== apiVersionOf(spec)) {
    throw new ApiError(400, `the object must be a ${apiVersionOf(spec)} ${spec.kind}`)
  }
  const { name = '', generateName = '', namespace = target.namespace } = metaOf(object)
  if (name === '' && generateName === '') throw new ApiError(422, 'metadata.name: Required value')
  if (spec.namespaced && (target.namespace === '' || namespace !== target.namespace)) {
    throw new ApiError(400, 'the namespace of the provided object does not match the namespace sent on the request')
  }
  const chosen = name === '' ? `${generateName}${randomUUID().slice(0, 5)}` : name
  if (etcd.get(target.collection, target.namespace, chosen) !== undefined) {
    const subject = { ...subjectOf(target), name: chosen }
    throw new ApiError(409, `${qualified(subject)} already exists`, {
      reason: 'AlreadyExists',
      details: detailsOf(subject),
    })
  }
  const given = { uid: randomUUID(), creationTimestamp: new Date().toISOString() }
  const metadata = { ...metaOf(object), ...given, name: chosen, ...(spec.namespaced && { namespace }) }
  const made = { ...object, metadata }
  if (target.collection === 'events') checkEvent(made)
  return etcd.put(target.collection, made)
}

/** An object of a request. @throws ApiError */
export async function bodyOf(request: IncomingMessage): Promise<Manifest> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += part as string
  try {
    return JSON.parse(text) as Manifest
  } catch {
    throw new ApiError(400, 'the body is no JSON')
  }
}
