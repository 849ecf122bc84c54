import { suites } from './suites.ts'

export interface Arguments {
  /** Names of suites or of groups of them. */
  readonly only: ReadonlySet<string>
  /** For Vitest, as given: files and its own options. */
  readonly rest: readonly string[]
  /** What is wrong with the arguments; undefined when nothing is. */
  readonly problem: string | undefined
}

const names = new Set(suites.flatMap(({ name, group }) => [group, name]))

export const usage = `usage: npm test -- [--only <suite>[,<suite>...]]... [<Vitest's files and options>...]
suites: ${[...names].join(', ')}`

export function parseArguments(argv: readonly string[]): Arguments {
  const only = new Set<string>()
  const rest: string[] = []
  for (let at = 0; at < argv.length; at++) {
    const [option, value] = splitOption(argv[at] ?? '')
    if (option !== '--only') rest.push(argv[at] ?? '')
    else for (const name of (value ?? argv[++at] ?? '').split(',')) only.add(name)
  }
  const unknown = [...only].filter((name) => !names.has(name))
  const problem = unknown.length > 0 ? `no suite "${unknown.join('", "')}"` : undefined
  return { only: only.size > 0 ? only : names, rest, problem }
}

function splitOption(argument: string): [string, string | undefined] {
  const equals = argument.indexOf('=')
  return equals === -1 ? [argument, undefined] : [argument.slice(0, equals), argument.slice(equals + 1)]
}
