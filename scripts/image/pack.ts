import { createHash } from 'node:crypto'
import { createWriteStream, readdirSync } from 'node:fs'
import path from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { create } from 'tar'

/** A folder as a file. */
export interface Packed {
  /** `sha256:...` of the tar archive. */
  readonly tarDigest: string
  /** `sha256:...` of the file, which is the same unless it is compressed. */
  readonly digest: string
  /** Of the file, in bytes. */
  readonly size: number
}

export interface PackOptions {
  /** The time that every entry has. */
  readonly time: Date
  readonly gzip: boolean
}

/** Packs everything below a folder, so that the same files make the same archive: in order, with no owner, and one time. */
export async function pack(folder: string, file: string, { time, gzip }: PackOptions): Promise<Packed> {
  // As names only, Node would also list what is behind a link to a folder.
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const names = entries.map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name))).sort()
  const archive = Readable.from(create({ cwd: folder, portable: true, noDirRecurse: true, mtime: time }, names))
  const [inside, outside] = [new Digest(), new Digest()]
  await pipeline(
    archive,
    inside.stream,
    gzip ? createGzip() : new PassThrough(),
    outside.stream,
    createWriteStream(file),
  )
  return { tarDigest: inside.text, digest: outside.text, size: outside.size }
}

/** Digests what flows through it. */
class Digest {
  readonly stream = new PassThrough()
  readonly #hash = createHash('sha256')
  #size = 0

  constructor() {
    this.stream.on('data', (chunk: Buffer) => {
      this.#hash.update(chunk)
      this.#size += chunk.length
    })
  }

  /** Bytes. */
  get size(): number {
    return this.#size
  }

  /** To be asked once, at the end. */
  get text(): string {
    return `sha256:${this.#hash.digest('hex')}`
  }
}
