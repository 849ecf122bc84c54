import type { FakeSet } from './store.ts'

interface Mark {
  readonly key: string
  readonly isEnd: boolean
}

/**
 * True when a mark of a range (`KEY` where it begins, `-KEY` behind its end) lies in a range that is there already. A range
 * may begin where another one ends. The start of a range must have been put in before its end.
 */
export function overlaps({ elements }: FakeSet, id: string): boolean {
  const mark = markOf(id)
  let before: Mark | undefined
  let after: Mark | undefined
  for (const other of elements.keys()) {
    const candidate = markOf(other)
    if (precedes(candidate, mark)) {
      if (before === undefined || precedes(before, candidate)) before = candidate
    } else if (after === undefined || precedes(candidate, after)) after = candidate
  }
  const isInside = before !== undefined && !before.isEnd
  if (!mark.isEnd) return isInside
  // An end closes the start in front of it, unless that has its end already.
  return !isInside || after?.isEnd === true
}

/** Hex digits of a register: the parts of a concatenation begin at one. */
const REGISTER_DIGITS = 8

/**
 * True when the first or the last key of a concatenated range (`KEY/KEY_END`) lies in a range that is there already; one
 * around another passes (nft_pipapo_insert). Compares register by register, which is exact for prefixes.
 */
export function overlapsBox({ elements }: FakeSet, id: string): boolean {
  const [first, last] = boxOf(id)
  for (const other of elements.keys()) {
    const [start, end] = boxOf(other)
    if ([first, last].some((key) => isWithin(key, start, end))) return true
  }
  return false
}

function boxOf(id: string): [first: string, last: string] {
  const [first = '', last = first] = id.split('/')
  return [first, last]
}

function isWithin(key: string, start: string, end: string): boolean {
  for (let at = 0; at < key.length; at += REGISTER_DIGITS) {
    const register = (text: string) => text.slice(at, at + REGISTER_DIGITS)
    if (register(key) < register(start) || register(key) > register(end)) return false
  }
  return true
}

function markOf(id: string): Mark {
  return id.startsWith('-') ? { key: id.slice(1), isEnd: true } : { key: id, isEnd: false }
}

/** On one key the end of a range comes before the start of the next. */
function precedes(a: Mark, b: Mark): boolean {
  return a.key === b.key ? a.isEnd && !b.isEnd : a.key < b.key
}
