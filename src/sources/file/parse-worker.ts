import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { readDocuments } from './read-documents.ts'
import type { ReadLimits, ReadUnit } from './unit.ts'

/** What the main thread asks: read this file, or these bytes, of which these units are known. */
export interface ReadRequest {
  readonly path: string
  /** The content when it came from no file that can be opened again. */
  readonly chunks: readonly Uint8Array[] | undefined
  /** Known digests, each on a line. */
  readonly known: string
  readonly limits: ReadLimits
}

/** What the worker answers: many times `units`, then `done` or `failed`. */
export type ReadReply =
  /** JSON of {@link ReadUnit}[]: cheaper to send and to read than the objects. */
  | { readonly type: 'units'; readonly json: string }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly error: Error }

/** Units in one message, so that the main thread is never busy with one for long. */
const BATCH_UNITS = 256
const CHUNK_BYTES = 256 * 1024

const port = parentPort
port?.on('message', (request: ReadRequest) => {
  try {
    read(request, (units) => send({ type: 'units', json: JSON.stringify(units) }))
    send({ type: 'done' })
  } catch (error) {
    send({ type: 'failed', error: error instanceof Error ? error : new Error(String(error)) })
  }
})

function send(reply: ReadReply): void {
  port?.postMessage(reply)
}

function read(request: ReadRequest, send: (units: ReadUnit[]) => void): void {
  const known = new Set(request.known === '' ? [] : request.known.split('\n'))
  let batch: ReadUnit[] = []
  let weight = 0
  for (const unit of readDocuments(request.chunks ?? chunksOf(request.path), known, request.limits)) {
    batch.push(unit)
    weight += 1 + weightOf(unit)
    if (weight < BATCH_UNITS) continue
    send(batch)
    batch = []
    weight = 0
  }
  if (batch.length > 0) send(batch)
}

/** A unit of many objects or endpoints counts as many units. */
function weightOf({ content }: ReadUnit): number {
  if (content === undefined) return 0
  let weight = content.problems.length
  for (const object of content.objects)
    weight += object.kind === 'EndpointSlice' ? 1 + object.value.endpoints.length / 8 : 1
  return weight
}

function* chunksOf(path: string): Generator<Uint8Array> {
  const descriptor = openSync(path, 'r')
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
    for (;;) {
      const length = readSync(descriptor, buffer, 0, CHUNK_BYTES, null)
      if (length === 0) return
      yield buffer.subarray(0, length)
    }
  } finally {
    closeSync(descriptor)
  }
}
