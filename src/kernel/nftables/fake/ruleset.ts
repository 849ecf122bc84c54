import { HOOKNUM } from '../batch.ts'
import { readComment } from '../userdata.ts'
import { placeOf } from './changes.ts'
import { expressionsText } from './expression-text.ts'
import type { FakeChain, FakeStore, FakeTable } from './store.ts'

/** A chain for assertions. */
export interface RulesetChain {
  /** `nat prerouting -100`; empty for a chain without a hook. */
  readonly base: string
  /** The kernel's expressions, one `[...]` each, see {@link expressionsText}; the comment behind. */
  readonly rules: readonly string[]
}

/** A table for assertions. */
export interface RulesetTable {
  readonly chains: ReadonlyMap<string, RulesetChain>
  /**
   * Elements by set: the key in hex (with a `-` in front for the end of a range, `KEY/KEY_END` for a concatenated range) ->
   * data in hex, or a verdict as `goto x`; empty in a plain set.
   */
  readonly sets: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** Tables by family and name, for example `ip sluice`. */
export type Ruleset = ReadonlyMap<string, RulesetTable>

export function rulesetOf(store: FakeStore): Ruleset {
  const tables = [...store.tables].map((table): [string, RulesetTable] => {
    const { family, table: name } = placeOf(table)
    return [`${family} ${name}`, tableOf(table)]
  })
  return new Map(tables)
}

function tableOf(table: FakeTable): RulesetTable {
  const chains = new Map([...table.chains].map(([name, chain]) => [name, chainOf(chain)]))
  const sets = new Map(
    [...table.sets].map(([name, { elements }]) => {
      return [name, new Map([...elements.values()].map(({ id, data }) => [id, data]))] as const
    }),
  )
  return { chains, sets }
}

function chainOf({ base, rules }: FakeChain): RulesetChain {
  const hook = base && Object.entries(HOOKNUM).find(([, number]) => number === base.hooknum)?.[0]
  return {
    base: base === undefined ? '' : `${base.type} ${hook ?? base.hooknum} ${base.priority}`,
    rules: rules.map(({ expressions, userdata }) => {
      const comment = userdata === undefined ? '' : readComment(userdata)
      return `${expressionsText(expressions)}${comment === '' ? '' : ` comment "${comment}"`}`
    }),
  }
}
