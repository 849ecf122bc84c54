import path from 'node:path'
import { SuiteError } from './error.ts'
import { CASES_FOLDER } from './format/load.ts'
import { PLANES, type Plane } from './planes.ts'
import { SOURCES, type Source } from './sources.ts'

/** What the runner is asked to do. */
export interface Arguments {
  readonly plane: Plane
  readonly source: Source
  /** A case file, or a folder of them. */
  readonly cases: string
  /** Ids of cases or probes, of which `*` stands for any text; empty: all. */
  readonly filter: string
  /** Write docs/reference/conformance.md with the results. */
  readonly writeTable: boolean
  /** A file for the counts as JSON; empty: none. */
  readonly report: string
}

export const USAGE = `usage: npm run conformance -- --plane PLANE [--source SOURCE] [--cases PATH] [--filter ID] [--write-table]
  --plane PLANE   ${Object.keys(PLANES).join(', ')}
  --source SOURCE how objects get to Sluice: ${Object.keys(SOURCES).join(', ')} (default: file)
  --cases PATH    a case file, or a folder of them (default: the suite's own)
  --filter ID     only this scenario, case or probe; * stands for any text
  --write-table   write the results to docs/reference/conformance.md`

/** @throws SuiteError */
export function parseArguments(argv: readonly string[]): Arguments {
  const values = new Map<string, string>()
  const flags = new Set<string>()
  for (let at = 0; at < argv.length; at++) {
    const [name, inline] = splitOption(argv[at] ?? '')
    if (name === '--write-table') flags.add(name)
    else if (['--plane', '--source', '--cases', '--filter', '--report'].includes(name)) {
      const value = inline ?? argv[++at]
      if (value === undefined || value === '') throw new SuiteError('USAGE', `${name} wants a value`)
      values.set(name, value)
    } else throw new SuiteError('USAGE', `"${name}" is no option`)
  }
  const plane = oneOf(PLANES, '--plane', values.get('--plane') ?? '')
  const source = oneOf(SOURCES, '--source', values.get('--source') ?? 'file')
  const isPart = values.has('--cases') || values.has('--filter')
  if (flags.has('--write-table') && isPart) throw new SuiteError('USAGE', '--write-table wants a run of all cases')
  return {
    plane,
    source,
    // npm goes to the package first.
    cases: path.resolve(process.env['INIT_CWD'] ?? '.', values.get('--cases') ?? CASES_FOLDER),
    filter: values.get('--filter') ?? '',
    writeTable: flags.has('--write-table'),
    report: values.get('--report') ?? '',
  }
}

/** @throws SuiteError */
function oneOf<T>(table: Readonly<Record<string, T>>, option: string, name: string): T {
  const found = Object.hasOwn(table, name) ? table[name] : undefined
  if (found !== undefined) return found
  throw new SuiteError('USAGE', `${option}: "${name}" must be one of ${Object.keys(table).join(', ')}`)
}

function splitOption(argument: string): [string, string | undefined] {
  const equals = argument.indexOf('=')
  return equals === -1 ? [argument, undefined] : [argument.slice(0, equals), argument.slice(equals + 1)]
}
