const NUMBER = /^[1-9]\d*$/

/**
 * True when `a` is before `b`, or the same. API servers give numbers of any length that grow with each write (KEP-5504); what is
 * no number cannot be compared, and is taken to be new.
 */
export function isSeen(a: string, b: string): boolean {
  if (!NUMBER.test(a) || !NUMBER.test(b)) return false
  return a.length === b.length ? a <= b : a.length < b.length
}
