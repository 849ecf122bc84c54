/** The shortest and the longest pause after a failure, in milliseconds. */
export type RetryRange = readonly [number, number]

/** The pause after so many failures in a row, at random so that not all nodes come back at once. Milliseconds. */
export function retryDelay([shortest, longest]: RetryRange, failures: number): number {
  const ceiling = Math.min(shortest * 2 ** Math.min(failures, 30), longest)
  return (ceiling / 2) * (1 + Math.random())
}
