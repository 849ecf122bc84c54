import type { Item } from './yaml-items.ts'

const LF = 10
const QUOTE = 34
const COMMA = 44
const COLON = 58
const OPEN_LIST = 91
const BACKSLASH = 92
const CLOSE_LIST = 93
const OPEN_MAP = 123
const CLOSE_MAP = 125

export interface SplitJson {
  /** The JSON text without the entries of its list. */
  readonly header: string
  /** Where the entries were in it: right behind the list's bracket. Characters. */
  readonly at: number
  readonly items: readonly Item[]
}

/**
 * Splits a JSON object at the entries of the list that it has under `key`, without parsing the entries.
 *
 * @returns undefined when it has no such list, or is no JSON object as far as that can be seen from outside the entries.
 */
export function splitJsonItems(bytes: Buffer, key: string): SplitJson | undefined {
  const list = findList(bytes, key)
  if (list === undefined) return undefined
  const before = bytes.toString('utf8', 0, list.start)
  return { header: `${before}${bytes.toString('utf8', list.end)}`, at: before.length, items: list.items }
}

interface List {
  /** Behind the opening bracket. */
  readonly start: number
  /** At the closing bracket. */
  readonly end: number
  readonly items: readonly Item[]
}

function findList(bytes: Buffer, key: string): List | undefined {
  const name = `"${key}"`
  let depth = 0
  let isValue = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      const end = stringEnd(bytes, at)
      if (end === -1) return undefined
      if (depth === 1 && !isValue && bytes.toString('latin1', at, end) === name) {
        const colon = skipSpace(bytes, end)
        const open = skipSpace(bytes, colon + 1)
        if (bytes[colon] === COLON && bytes[open] === OPEN_LIST) return readList(bytes, open + 1)
      }
      at = end - 1
    } else if (byte === OPEN_MAP || byte === OPEN_LIST) depth++
    else if (byte === CLOSE_MAP || byte === CLOSE_LIST) depth--
    else if (byte === COLON && depth === 1) isValue = true
    else if (byte === COMMA && depth === 1) isValue = false
  }
  return undefined
}

function readList(bytes: Buffer, start: number): List | undefined {
  const items: Item[] = []
  let line = lineFeeds(bytes, 0, start)
  let counted = start
  let depth = 0
  let itemStart = skipSpace(bytes, start)
  for (let at = itemStart; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      const end = stringEnd(bytes, at)
      if (end === -1) return undefined
      at = end - 1
    } else if (byte === OPEN_MAP || byte === OPEN_LIST) depth++
    else if (depth === 0 && (byte === COMMA || byte === CLOSE_LIST)) {
      const isEmpty = at === itemStart
      if (isEmpty && (byte === COMMA || items.length > 0)) return undefined
      if (!isEmpty) {
        line += lineFeeds(bytes, counted, itemStart)
        counted = itemStart
        items.push({ bytes: bytes.subarray(itemStart, at), line })
      }
      if (byte === CLOSE_LIST) return { start, end: at, items }
      itemStart = skipSpace(bytes, at + 1)
      at = itemStart - 1
    } else if (byte === CLOSE_MAP || byte === CLOSE_LIST) depth--
  }
  return undefined
}

/** Behind the closing quote of the string that opens at `at`; -1 when it does not close. */
function stringEnd(bytes: Buffer, at: number): number {
  let close = bytes.indexOf(QUOTE, at + 1)
  while (close !== -1) {
    let backslashes = 0
    while (bytes[close - 1 - backslashes] === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return close + 1
    close = bytes.indexOf(QUOTE, close + 1)
  }
  return -1
}

function skipSpace(bytes: Buffer, at: number): number {
  let next = at
  while (bytes[next] === LF || bytes[next] === 32 || bytes[next] === 13 || bytes[next] === 9) next++
  return next
}

/** Line feeds in a part of the text. */
export function lineFeeds(bytes: Buffer, start = 0, end: number = bytes.length): number {
  let feeds = 0
  for (let at = start; at < end; at++) if (bytes[at] === LF) feeds++
  return feeds
}
