import { readFileSync } from 'node:fs'

interface PromiseData {
  /** What is promised, by number. */
  readonly promises: Readonly<Record<string, string>>
  /** What a scenario of kube-proxy's facts shows; a name may end in `*`. */
  readonly scenarios: Readonly<Record<string, readonly number[]>>
}

/** The numbered promises of the Service contract, and which of kube-proxy's scenarios show them. */
export const PROMISES = JSON.parse(readFileSync(new URL('./promises.json', import.meta.url), 'utf8')) as PromiseData

/** Numbers in order. */
export const PROMISE_NUMBERS: readonly number[] = Object.keys(PROMISES.promises).map(Number)

/** The promises that a scenario shows; none for a scenario that nobody has named. */
export function promisesOfScenario(id: string): number[] {
  const found = Object.entries(PROMISES.scenarios)
    .filter(([name]) => (name.endsWith('*') ? id.startsWith(name.slice(0, -1)) : id === name))
    .flatMap(([, promises]) => promises)
  return [...new Set(found)].sort((a, b) => a - b)
}
