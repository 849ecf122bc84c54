// How many connections tell what we want to know. Whatever is random here is wrong with a chance below ONE_IN.

/** One probe in so many may fail by chance. */
const ONE_IN = 1e6

/** A spread is judged over so many connections an endpoint at least. */
const CONNECTIONS_EACH = 30

/**
 * Number of connections after which each of `candidates` endpoints has been hit, if all have the same chance. The candidates
 * are all that could be hit, also wrongly: one too many is found as surely as one that is missing.
 */
export function enoughConnections(expected: number, candidates: number): number {
  const among = Math.max(expected, candidates, 1)
  // One alone is asked for twice, in case that it answers every second time.
  if (among === 1) return 2
  const misses = Math.ceil(Math.log(among * ONE_IN) / -Math.log(1 - 1 / among))
  return expected > 1 ? Math.max(misses, CONNECTIONS_EACH * expected) : misses
}

/** Least and most hits of one of `among` endpoints in `connections` that are spread evenly, but for one case in a million. */
export function hitBounds(connections: number, among: number): { least: number; most: number } {
  if (among === 1) return { least: connections, most: connections }
  const tail = 1 / ONE_IN / among / 2
  const chances = binomial(connections, 1 / among)
  let [least, below] = [0, 0]
  while (below + (chances[least] ?? 1) < tail) below += chances[least++] ?? 1
  let [most, above] = [connections, 0]
  while (above + (chances[most] ?? 1) < tail) above += chances[most--] ?? 1
  return { least, most }
}

/** Chances of 0 to n hits; in logarithms, since factorials overflow. */
function binomial(n: number, p: number): number[] {
  let log = n * Math.log(1 - p)
  const chances = [Math.exp(log)]
  for (let k = 1; k <= n; k++) {
    log += Math.log(n - k + 1) - Math.log(k) + Math.log(p) - Math.log(1 - p)
    chances.push(Math.exp(log))
  }
  return chances
}
