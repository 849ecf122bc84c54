import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { readError, SourceError } from '../error.ts'
import { Pace } from './pace.ts'
import { readDocuments } from './read-documents.ts'
import { type KnownDigests, mebibytes, type ReadLimits, type ReadUnit, TooMuchWork } from './unit.ts'
import { ParseWorker } from './worker-client.ts'

/** Up to this size a file is read on the main thread: starting a worker takes longer than reading it. */
const INLINE_BYTES = 128 * 1024

/** Up to this size YAML that is not plain is read on the main thread; 16 KiB take the library 10 to 20 ms. */
const INLINE_YAML_BYTES = 16 * 1024

/** Where bytes come from that cannot be read twice: standard input, a pipe. */
export type ByteStream = AsyncIterable<Uint8Array | string>

/** Reads files into units: small ones on the main thread in slices, large ones in a worker. */
export class FileReader {
  readonly #limits: ReadLimits
  #worker: ParseWorker | undefined
  #stream: ByteStream | undefined

  constructor(limits: ReadLimits) {
    this.#limits = limits
  }

  /**
   * Reads a regular file.
   *
   * @param known digests of units that are not read again
   * @throws SourceError
   */
  async *read(path: string, known: KnownDigests): AsyncGenerator<ReadUnit[]> {
    const content = await this.#readSmall(path)
    yield* content === undefined ? this.#inWorker(path, undefined, known) : this.#inline(path, [content], known)
  }

  /**
   * Reads a stream to its end.
   *
   * @param path how the stream is called in messages
   * @throws SourceError
   */
  async *readStream(path: string, stream: ByteStream): AsyncGenerator<ReadUnit[]> {
    const { chunks, length } = await this.#collect(path, stream)
    yield* length > INLINE_BYTES ? this.#inWorker(path, chunks, new Set()) : this.#inline(path, chunks, new Set())
  }

  /** Reads a pipe or another file that has no size and can be read once. */
  async *readPipe(path: string): AsyncGenerator<ReadUnit[]> {
    yield* this.readStream(path, createReadStream(path))
  }

  /** Gives back what large files took, and stops what is being read. To be called when a round of reading is over. */
  async release(): Promise<void> {
    if (this.#stream instanceof Readable) this.#stream.destroy()
    const worker = this.#worker
    this.#worker = undefined
    await worker?.close()
  }

  /** @returns undefined when the file is not small. */
  async #readSmall(path: string): Promise<Buffer | undefined> {
    const file = await open(path, 'r').catch((error: unknown) => {
      throw readError(path, error)
    })
    try {
      const { size } = await file.stat()
      if (size > this.#limits.fileBytes) throw this.#tooLarge(path, size)
      if (size > INLINE_BYTES) return undefined
      return await file.readFile()
    } catch (error) {
      throw readError(path, error)
    } finally {
      await file.close()
    }
  }

  async *#inline(path: string, chunks: readonly Uint8Array[], known: KnownDigests): AsyncGenerator<ReadUnit[]> {
    const limits = { ...this.#limits, handOverBytes: INLINE_YAML_BYTES }
    const units = await collect(readDocuments(chunks, known, limits))
    if (units === undefined) yield* this.#inWorker(path, chunks, known)
    else yield units
  }

  async *#inWorker(
    path: string,
    chunks: readonly Uint8Array[] | undefined,
    known: KnownDigests,
  ): AsyncGenerator<ReadUnit[]> {
    if (this.#worker?.dead) await this.release()
    this.#worker ??= new ParseWorker()
    yield* this.#worker.read({ path, chunks, known: [...known.keys()].join('\n'), limits: this.#limits })
  }

  async #collect(path: string, stream: ByteStream): Promise<{ chunks: Uint8Array[]; length: number }> {
    const chunks: Uint8Array[] = []
    let length = 0
    this.#stream = stream
    try {
      for await (const data of stream) {
        const chunk = typeof data === 'string' ? Buffer.from(data) : data
        length += chunk.length
        if (length > this.#limits.fileBytes) throw this.#tooLarge(path, length)
        chunks.push(chunk)
      }
    } catch (error) {
      throw readError(path, error)
    } finally {
      this.#stream = undefined
    }
    return { chunks, length }
  }

  #tooLarge(path: string, size: number): SourceError {
    const accepted = `at most ${mebibytes(this.#limits.fileBytes)}`
    return new SourceError('SOURCE_TOO_LARGE', path, `more than is read: ${mebibytes(size)}; accepted: ${accepted}`)
  }
}

/**
 * Works through the units of a small file in slices of time.
 *
 * @returns undefined when one of them is too much work for this thread.
 */
async function collect(units: Iterable<ReadUnit>): Promise<ReadUnit[] | undefined> {
  const pace = new Pace()
  const collected: ReadUnit[] = []
  try {
    for (const unit of units) {
      collected.push(unit)
      if (pace.due) await pace.pause()
    }
  } catch (error) {
    if (error instanceof TooMuchWork) return undefined
    throw error
  }
  return collected
}
