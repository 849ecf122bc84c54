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

function markOf(id: string): Mark {
  return id.startsWith('-') ? { key: id.slice(1), isEnd: true } : { key: id, isEnd: false }
}

/** On one key the end of a range comes before the start of the next. */
function precedes(a: Mark, b: Mark): boolean {
  return a.key === b.key ? a.isEnd && !b.isEnd : a.key < b.key
}
