import { NftablesConnection } from '../../src/kernel/nftables/connection.ts'
import type { TableFamily } from '../../src/kernel/nftables/types.ts'
import type { BenchNetns } from '../support/netns.ts'

const TABLE_FAMILIES: readonly TableFamily[] = ['ip', 'ip6']
/** Reading more elements than these takes longer than it is worth: dumps are quadratic. */
const MOST_ELEMENTS = 150_000

/** What a namespace's ruleset is made of, whoever made it; iptables is nf_tables here, too. */
export interface RulesetSize {
  readonly rules: number
  readonly chains: number
  /** Of named sets and maps; undefined when there are too many to count. */
  readonly elements: number | undefined
}

/** @param expected elements that there will be, roughly. */
export async function rulesetSize(netns: BenchNetns, expected: number): Promise<RulesetSize> {
  const connection = netns.run(() => NftablesConnection.open())
  try {
    let [rules, chains, elements] = [0, 0, 0]
    for (const family of TABLE_FAMILIES) {
      for (const name of await connection.tableNames(family)) {
        const table = { family, name }
        const state = await connection.readTable(table)
        rules += state?.rules.length ?? 0
        chains += state?.chains.length ?? 0
        if (expected > MOST_ELEMENTS) continue
        for (const set of state?.sets ?? []) {
          if (set.name.startsWith('__')) continue
          const seen = new Set<string>()
          await connection.readElements(table, set.name, ({ key }) => seen.add(key.toString('latin1')))
          elements += seen.size
        }
      }
    }
    return { rules, chains, elements: expected > MOST_ELEMENTS ? undefined : elements }
  } finally {
    connection.close()
  }
}
