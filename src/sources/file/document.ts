const LF = 10
const CR = 13
const TAB = 9
const SPACE = 32
const HASH = 35
const PERCENT = 37

/** One YAML document (or JSON text) of a file. */
export interface Document {
  /** Line in the file at which its first content stands; from 1. */
  readonly line: number
  /** Valid until the next chunk is pushed. Empty when the document was too large. */
  readonly bytes: Buffer
  /** True when it is larger than is accepted, and was not kept. */
  readonly tooLarge: boolean
}

const NOTHING = Buffer.alloc(0)

/**
 * Splits a file into its documents at `---` and `...` lines while it is read, so that never more than one document and one
 * chunk are held. YAML allows no such line inside a scalar, so the split needs no parsing. Empty documents are left out.
 */
export class DocumentSplitter {
  readonly #maxBytes: number
  /** Begins with a line feed that is not in the file, so that every line has one before it. */
  #buffer = Buffer.from('\n')
  #length = 1
  #begun = false
  /** Where the present document starts in the buffer, and on which line. */
  #start = 0
  #line = 0
  /** Line starts before this one are known to be no separators. */
  #next = 0
  /** The line at which a document that is too large begins; 0 when the present one is not. */
  #largeSince = 0

  /** @param maxBytes a document larger than this is given as `tooLarge` */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** @returns the documents that this chunk completes. */
  push(chunk: Uint8Array): Document[] {
    this.#append(this.#begun ? chunk : withoutByteOrderMark(chunk))
    this.#begun = true
    const documents = this.#split(false)
    if (this.#length - this.#start > this.#maxBytes) this.#discard()
    return documents
  }

  /** @returns the last documents. */
  end(): Document[] {
    const documents = this.#split(true)
    this.#emit(this.#length, documents)
    return documents
  }

  #append(chunk: Uint8Array): void {
    const kept = this.#length - this.#start
    const needed = kept + chunk.length
    const size = this.#buffer.length
    const target = needed > size ? Buffer.allocUnsafe(Math.max(needed, 2 * size)) : this.#buffer
    this.#buffer.copy(target, 0, this.#start, this.#length)
    target.set(chunk, kept)
    this.#buffer = target
    this.#next -= this.#start
    this.#start = 0
    this.#length = needed
  }

  #split(atEnd: boolean): Document[] {
    const documents: Document[] = []
    const bytes = this.#buffer.subarray(0, this.#length)
    const dashes = new Search(bytes, '\n---')
    const dots = new Search(bytes, '\n...')
    for (;;) {
      const from = Math.max(this.#next - 1, 0)
      const at = Math.min(dashes.from(from), dots.from(from))
      if (at === Number.POSITIVE_INFINITY) {
        // The end may be the beginning of a separator.
        this.#next = Math.max(this.#next, this.#length - 3)
        return documents
      }
      const end = at + 4
      this.#next = at + 1
      if (end === this.#length && !atEnd) return documents
      this.#next = at + 2
      if (end < this.#length && !isSpace(bytes[end])) continue
      this.#emit(at + 1, documents)
      // What stands behind the dashes, on the same line, belongs to the document.
      this.#start = this.#next = end
    }
  }

  #emit(end: number, documents: Document[]): void {
    const bytes = this.#buffer.subarray(this.#start, end)
    const skipped = skipBlankLines(bytes)
    const line = this.#line + skipped.lines
    this.#line += countLines(bytes)
    if (this.#largeSince > 0) documents.push({ line: this.#largeSince, bytes: NOTHING, tooLarge: true })
    else if (bytes.length > this.#maxBytes) documents.push({ line, bytes: NOTHING, tooLarge: true })
    else if (skipped.end < bytes.length) documents.push({ line, bytes: bytes.subarray(skipped.end), tooLarge: false })
    this.#largeSince = 0
  }

  /** Forgets a document that is too large, but for its end, which may be the beginning of a separator. */
  #discard(): void {
    const start = this.#length - 4
    const bytes = this.#buffer.subarray(this.#start, start)
    if (this.#largeSince === 0) this.#largeSince = this.#line + skipBlankLines(bytes).lines
    this.#line += countLines(bytes)
    this.#start = start
    this.#next = Math.max(this.#next, start + 1)
  }
}

/** Finds the places of one text, each of them only once also when another text is found in between. */
class Search {
  readonly #bytes: Buffer
  readonly #text: string
  #at = -1

  constructor(bytes: Buffer, text: string) {
    this.#bytes = bytes
    this.#text = text
  }

  /** @returns infinity when there is none. */
  from(start: number): number {
    if (this.#at >= start) return this.#at
    const found = this.#bytes.indexOf(this.#text, start)
    this.#at = found === -1 ? Number.POSITIVE_INFINITY : found
    return this.#at
  }
}

function withoutByteOrderMark(chunk: Uint8Array): Uint8Array {
  return chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf ? chunk.subarray(3) : chunk
}

function isSpace(byte: number | undefined): boolean {
  return byte === LF || byte === CR || byte === SPACE || byte === TAB
}

/** Line feeds in the text. */
function countLines(bytes: Buffer): number {
  let lines = 0
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) lines++
  return lines
}

/** Lines at the beginning that are empty, a comment, or a directive such as `%YAML 1.1`. */
function skipBlankLines(bytes: Buffer): { lines: number; end: number } {
  let lines = 0
  let start = 0
  while (start < bytes.length) {
    let at = start
    while (at < bytes.length && bytes[at] !== LF && isSpace(bytes[at])) at++
    const first = bytes[at]
    const blank = at === bytes.length || first === LF || first === HASH || (first === PERCENT && at === start)
    if (!blank) break
    const end = bytes.indexOf(LF, at)
    if (end === -1) return { lines, end: bytes.length }
    lines++
    start = end + 1
  }
  return { lines, end: start }
}
