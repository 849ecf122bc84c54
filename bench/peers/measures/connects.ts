import type { NodePath, PeerLab } from '../lab.ts'
import { type Connects, quantile, rounded } from '../results.ts'

/** What is connected to, through which node. */
export interface ConnectTarget {
  readonly path: NodePath
  readonly address: string
  readonly port: number
}

/** Connects to all targets in turn, round by round. */
export function measureConnects(
  lab: PeerLab,
  targets: readonly ConnectTarget[],
  { rounds, connects }: { rounds: number; connects: number },
): Map<ConnectTarget, Connects> {
  const found = new Map<ConnectTarget, Connects>()
  for (const target of targets) found.set(target, { p50: [], p90: [], p99: [], perSecond: [] })
  // The first round warms caches up.
  for (let round = -1; round < rounds; round++) {
    for (const target of inTurn(targets, round)) {
      const start = performance.now()
      const { path, address, port } = target
      const times = lab.listener.timeConnects(lab.client, lab.through(path, address, port), connects)
      const seconds = (performance.now() - start) / 1000
      const sorted = times.toSorted((a, b) => a - b)
      const into = found.get(target)
      if (round < 0 || into === undefined) continue
      into.p50.push(rounded(quantile(sorted, 0.5)))
      into.p90.push(rounded(quantile(sorted, 0.9)))
      into.p99.push(rounded(quantile(sorted, 0.99)))
      into.perSecond.push(rounded(connects / seconds))
    }
  }
  return found
}

/** Bytes a second through one connection to each target, round by round. */
export function measureThroughput(
  lab: PeerLab,
  targets: readonly ConnectTarget[],
  { rounds, milliseconds }: { rounds: number; milliseconds: number },
): Map<ConnectTarget, number[]> {
  const found = new Map<ConnectTarget, number[]>(targets.map((target) => [target, []]))
  for (let round = 0; round < rounds; round++) {
    for (const target of inTurn(targets, round)) {
      const { path, address, port } = target
      const bytes = lab.listener.throughput(lab.client, lab.through(path, address, port), milliseconds)
      found.get(target)?.push(rounded(bytes))
    }
  }
  return found
}

/** Another one begins in each round, so that none always stands behind the same other one. */
export function inTurn<T>(all: readonly T[], round: number): T[] {
  const first = all.length === 0 ? 0 : (round + all.length) % all.length
  return [...all.slice(first), ...all.slice(0, first)]
}
