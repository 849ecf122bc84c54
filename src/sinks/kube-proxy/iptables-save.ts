import type { IptablesRule } from './removal.ts'

/** A rule as iptables-save writes it. */
export interface SavedRule extends IptablesRule {
  /** What stands behind `-A `: the chain and the rule, as `-D` takes it. */
  readonly text: string
}

/** One table as iptables-save writes it. */
export interface IptablesSave {
  readonly chains: readonly string[]
  readonly builtIn: ReadonlySet<string>
  readonly rules: readonly SavedRule[]
}

const TARGET_OPTIONS = new Set(['-j', '--jump', '-g', '--goto'])

/** Reads the output of `iptables-save -t TABLE`. */
export function readIptablesSave(output: string): IptablesSave {
  const chains: string[] = []
  const builtIn = new Set<string>()
  const rules: SavedRule[] = []
  for (const line of output.split('\n')) {
    // `:CHAIN POLICY [packets:bytes]`; only a built-in chain has a policy.
    const declaration = /^:(\S+) (\S+)/.exec(line)
    if (declaration !== null) {
      const [, name = '', policy = ''] = declaration
      chains.push(name)
      if (policy !== '-') builtIn.add(name)
    } else if (line.startsWith('-A ')) {
      const text = line.slice('-A '.length)
      const words = wordsOf(text)
      const targets = words.filter((_, index) => TARGET_OPTIONS.has(words[index - 1] ?? ''))
      rules.push({ chain: words[0] ?? '', targets, text })
    }
  }
  return { chains, builtIn, rules }
}

/** Words apart by blanks; one in double quotes may have blanks, and `\` before a quote, and is marked by its quotes. */
function wordsOf(text: string): string[] {
  return text.match(/"(?:\\.|[^"\\])*"|[^\s"]+/g) ?? []
}
