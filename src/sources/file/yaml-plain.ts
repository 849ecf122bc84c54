import { resolvePlain } from './yaml-scalars.ts'

/** Thrown for a text that is more than this module reads; made once, because a stack trace costs more than a document. */
const NOT_PLAIN = new Error('not plain YAML')

/** Deeper than any Kubernetes object. */
const MAX_DEPTH = 64
const SPACE = 32
const HASH = 35
const DASH = 45
const LF = 10
/** Anything but line feeds and printable ASCII. */
const UNUSUAL = /[^\n\x20-\x7e]/
const KEY = /^[A-Za-z_][A-Za-z0-9_./-]*$/
/** Words that are no text as keys either, and a key that is not an ordinary one in JavaScript. */
const SPECIAL_KEY = /^(?:[yYnN]|yes|no|on|off|true|false|null|__proto__)$/i
/** A plain scalar that is complete on its line: nothing in it can be an indicator or a comment. */
const PLAIN = /^(?:[A-Za-z0-9_./+~]|-(?=[^ ]))(?:[^:#]|:(?=[^ ])|(?<=[^ ])#)*$/

/**
 * Reads the YAML that kubectl, KPNG and most people write: block mappings and lists, scalars on one line, `|` texts. That is
 * more than ten times faster than the full library, and takes a tenth of its memory, which counts with 20,000 objects.
 * Everything else (flow collections, anchors, tags, comments behind values, any error) is left to the library.
 *
 * @returns undefined when the library must read it.
 */
export function parsePlainYaml(text: string): unknown {
  if (UNUSUAL.test(text)) return undefined
  try {
    return new PlainReader(text).read()
  } catch (error) {
    if (error === NOT_PLAIN) return undefined
    throw error
  }
}

class PlainReader {
  readonly #text: string
  /** Column of the present line's content; -1 at the end. */
  #indent = -1
  /** Where the content begins, and where it ends without trailing spaces. */
  #start = 0
  #end = 0
  /** Where the next line begins. */
  #next = 0

  constructor(text: string) {
    this.#text = text
    this.#advance()
  }

  read(): unknown {
    if (this.#indent === -1) return null
    const value = this.#block(0)
    if (this.#indent !== -1) throw NOT_PLAIN
    return value
  }

  /** Goes to the next line that has content. */
  #advance(): void {
    const text = this.#text
    for (;;) {
      const line = this.#next
      if (line >= text.length) {
        this.#indent = -1
        return
      }
      const feed = text.indexOf('\n', line)
      let end = feed === -1 ? text.length : feed
      this.#next = end + 1
      let start = line
      while (text.charCodeAt(start) === SPACE) start++
      const first = text.charCodeAt(start)
      if (start >= end || first === LF || first === HASH) continue
      while (text.charCodeAt(end - 1) === SPACE) end--
      this.#indent = start - line
      this.#start = start
      this.#end = end
      return
    }
  }

  #isDash(): boolean {
    if (this.#text.charCodeAt(this.#start) !== DASH) return false
    return this.#end === this.#start + 1 || this.#text.charCodeAt(this.#start + 1) === SPACE
  }

  #block(depth: number): unknown {
    if (depth > MAX_DEPTH) throw NOT_PLAIN
    return this.#isDash() ? this.#list(depth) : this.#map(depth)
  }

  #list(depth: number): unknown[] {
    const indent = this.#indent
    const entries: unknown[] = []
    while (this.#indent === indent && this.#isDash()) entries.push(this.#entry(indent, depth))
    if (this.#indent > indent) throw NOT_PLAIN
    return entries
  }

  #entry(indent: number, depth: number): unknown {
    let start = this.#start + 1
    while (this.#text.charCodeAt(start) === SPACE) start++
    if (start >= this.#end) throw NOT_PLAIN
    const column = indent + (start - this.#start)
    this.#start = start
    if (this.#isDash()) throw NOT_PLAIN
    if (this.#keyEnd() === -1) return this.#scalar(start, indent)
    this.#indent = column
    return this.#map(depth + 1)
  }

  #map(depth: number): Record<string, unknown> {
    const indent = this.#indent
    const fields: Record<string, unknown> = {}
    while (this.#indent === indent) {
      const keyEnd = this.#keyEnd()
      if (keyEnd === -1) throw NOT_PLAIN
      const key = this.#key(keyEnd)
      if (Object.hasOwn(fields, key)) throw NOT_PLAIN
      fields[key] = this.#value(keyEnd + 1, indent, depth)
    }
    if (this.#indent > indent) throw NOT_PLAIN
    return fields
  }

  /** Where the colon behind a key stands; -1 when the line has no key. */
  #keyEnd(): number {
    const text = this.#text
    let colon = text.indexOf(':', this.#start)
    // A quoted key may have colons inside, a plain one before something else than a space.
    while (colon !== -1 && colon < this.#end) {
      if (colon + 1 === this.#end || text.charCodeAt(colon + 1) === SPACE) return colon
      colon = text.indexOf(':', colon + 1)
    }
    return -1
  }

  #key(end: number): string {
    const key = this.#text.slice(this.#start, end)
    if (!KEY.test(key) || SPECIAL_KEY.test(key)) throw NOT_PLAIN
    return key
  }

  #value(from: number, indent: number, depth: number): unknown {
    let start = from
    while (start < this.#end && this.#text.charCodeAt(start) === SPACE) start++
    if (start < this.#end) return this.#scalar(start, indent)
    this.#advance()
    if (this.#indent > indent) return this.#block(depth + 1)
    // A list may stand as far left as its key.
    return this.#indent === indent && this.#isDash() ? this.#list(depth + 1) : null
  }

  /** The scalar that begins at `start`; what comes below must not be further right than `indent`, or it belongs to it. */
  #scalar(start: number, indent: number): unknown {
    const text = this.#text.slice(start, this.#end)
    if (text === '|' || text === '|-') return this.#literal(text === '|', indent)
    this.#advance()
    if (this.#indent > indent) throw NOT_PLAIN
    switch (text.charCodeAt(0)) {
      case 34:
        return doubleQuoted(text)
      case 39:
        return singleQuoted(text)
      case 91:
      case 123:
        if (text === '{}') return {}
        if (text === '[]') return []
        throw NOT_PLAIN
      default:
        if (!PLAIN.test(text)) throw NOT_PLAIN
        return resolvePlain(text)
    }
  }

  #literal(isClipped: boolean, indent: number): string {
    const text = this.#text
    const lines: string[] = []
    let column = -1
    for (;;) {
      const line = this.#next
      const feed = text.indexOf('\n', line)
      if (feed === -1) {
        // Whether the last line ends is a matter for the library.
        if (line < text.length) throw NOT_PLAIN
        break
      }
      let start = line
      while (text.charCodeAt(start) === SPACE) start++
      if (start === feed) {
        if (column === -1 || feed - line > column) throw NOT_PLAIN
        lines.push('')
      } else {
        if (column === -1) column = start - line
        if (column <= indent) throw NOT_PLAIN
        if (start - line < column) break
        lines.push(text.slice(line + column, feed))
      }
      this.#next = feed + 1
    }
    if (lines.length === 0) throw NOT_PLAIN
    while (lines.at(-1) === '') lines.pop()
    this.#advance()
    if (this.#indent > indent) throw NOT_PLAIN
    return lines.join('\n') + (isClipped ? '\n' : '')
  }
}

/** YAML's escapes that JSON has mean the same there. */
function doubleQuoted(text: string): string {
  if (/^"[^"\\]*"$/.test(text)) return text.slice(1, -1)
  try {
    return JSON.parse(text) as string
  } catch {
    throw NOT_PLAIN
  }
}

function singleQuoted(text: string): string {
  if (!/^'(?:[^']|'')*'$/.test(text)) throw NOT_PLAIN
  return text.slice(1, -1).replaceAll("''", "'")
}
