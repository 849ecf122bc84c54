import { type IptablesTable, isEntryChain, isKubeProxyChain, MASQUERADE } from './names.ts'

/** A rule of an iptables table, as far as it matters here. */
export interface IptablesRule {
  readonly chain: string
  /** Chains that it jumps or goes to. */
  readonly targets: readonly string[]
}

/** What to remove from a table of iptables. */
export interface Removal<Rule extends IptablesRule> {
  /** They refer to each other: all have to be emptied before one is deleted. */
  readonly chains: readonly string[]
  /** Jumps to these chains out of built-in ones. */
  readonly jumps: readonly Rule[]
  /** kube-proxy's chains that somebody else's rule leads to, and those that they lead to; they stay. */
  readonly kept: readonly { readonly chain: string; readonly usedBy: string }[]
}

/**
 * Decides what of a table is kube-proxy's. A chain that a foreign rule leads to stays, because without it the foreign rule
 * would have to go: a CNI's port mapping may be set up to masquerade by KUBE-MARK-MASQ.
 *
 * @param builtIn chains that the kernel calls, for example PREROUTING.
 */
export function planRemoval<Rule extends IptablesRule>(
  table: IptablesTable,
  chains: readonly string[],
  builtIn: ReadonlySet<string>,
  rules: readonly Rule[],
): Removal<Rule> {
  const own = new Set(chains.filter((chain) => !builtIn.has(chain) && isKubeProxyChain(table, chain)))
  const foreign = rules.filter((rule) => !own.has(rule.chain) && rule.targets.some((target) => own.has(target)))
  const isJump = (rule: Rule) => builtIn.has(rule.chain) && rule.targets.every(isEntryChain)
  const kept = keptChains(
    own,
    rules,
    foreign.filter((rule) => !isJump(rule)),
  )
  return {
    chains: [...own].filter((chain) => !kept.has(chain)),
    jumps: foreign.filter((rule) => isJump(rule) && !rule.targets.some((target) => kept.has(target))),
    kept: [...kept].map(([chain, usedBy]) => ({ chain, usedBy })),
  }
}

/** The chains of `own` that can be reached from the rules, each with a chain that leads there. */
function keptChains(
  own: ReadonlySet<string>,
  rules: readonly IptablesRule[],
  users: readonly IptablesRule[],
): Map<string, string> {
  const kept = new Map<string, string>()
  if (users.length === 0) return kept
  const rulesOf = Map.groupBy(rules, ({ chain }) => chain)
  const pending = users.flatMap(({ chain, targets }) => targets.map((target) => ({ target, usedBy: chain })))
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { target, usedBy } = next
    if (!own.has(target) || kept.has(target)) continue
    kept.set(target, usedBy)
    for (const { targets } of rulesOf.get(target) ?? []) {
      for (const further of targets) pending.push({ target: further, usedBy: target })
    }
    if (target === MASQUERADE.mark) pending.push({ target: MASQUERADE.act, usedBy: target })
  }
  return kept
}
