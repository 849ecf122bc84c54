import { NFT_SET } from '../constants.ts'
import type { Attempt } from './changes.ts'
import type { FakeChain, FakeElement, FakeRule, FakeSet, FakeTable } from './store.ts'

/** Deletes rules of a chain, and with them their anonymous sets. */
export function deleteRules(attempt: Attempt, table: FakeTable, chain: FakeChain, rules: readonly FakeRule[]): void {
  const { store, changes } = attempt
  if (rules.length === 0) return
  const gone = new Set(rules)
  store.setRules(
    chain,
    chain.rules.filter((rule) => !gone.has(rule)),
  )
  for (const rule of rules) {
    for (const target of rule.targets) store.count(target, -1)
    changes.push({ what: 'rule', isNew: false, table, chain, rule })
    for (const set of rule.sets) {
      store.count(set, -1)
      if (set.flags & NFT_SET.ANONYMOUS) dropSet(attempt, table, set)
    }
  }
}

/** Deletes a set to which nothing refers any more. */
export function dropSet(attempt: Attempt, table: FakeTable, set: FakeSet): void {
  const { store, changes } = attempt
  if (table.sets.get(set.name) !== set) return
  for (const { target } of set.elements.values()) if (target !== undefined) store.count(target, -1)
  store.take(table.sets, set.name)
  changes.push({ what: 'set', isNew: false, table, set })
}

export function dropElement({ store, changes }: Attempt, table: FakeTable, set: FakeSet, element: FakeElement): void {
  store.take(set.elements, element.id)
  if (element.target !== undefined) store.count(element.target, -1)
  changes.push({ what: 'element', isNew: false, table, set, element })
}
