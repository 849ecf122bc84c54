/** A set whose members were added a number of times. */
export type Counted<T> = Map<T, number>

/** @returns true when the member is new. */
export function countUp<T>(counted: Counted<T>, member: T): boolean {
  const count = counted.get(member) ?? 0
  counted.set(member, count + 1)
  return count === 0
}

/** @returns true when the member is gone. */
export function countDown<T>(counted: Counted<T>, member: T): boolean {
  const count = counted.get(member) ?? 0
  if (count > 1) counted.set(member, count - 1)
  else counted.delete(member)
  return count === 1
}
