import { type CollectionTag, LineCounter, parseDocument, Schema, type ScalarTag } from 'yaml'

/** Aliases that are followed in one document; more is taken for a bomb that grows in memory. */
const MAX_ALIASES = 100

/** Where and why a text is no YAML or JSON. */
export class SyntaxProblem extends Error {
  override readonly name = 'SyntaxProblem'
  /** Line in the text; from 0. */
  readonly line: number
  /** From 1. */
  readonly column: number
  /** True when an alias names an anchor that the text does not have. */
  readonly unknownAlias: boolean

  constructor(message: string, line = 0, column = 1, unknownAlias = false) {
    super(message)
    this.line = line
    this.column = column
    this.unknownAlias = unknownAlias
  }
}

type Tag = ScalarTag | CollectionTag

const INT = 'tag:yaml.org,2002:int'
const FLOAT = 'tag:yaml.org,2002:float'

/**
 * How kubectl (go-yaml v2) reads plain scalars: YAML 1.1 without its times of day and dates, which stay text, and with
 * `0o17`. The library's own YAML 1.1 schema reads `12:30` as 750 and `2026-01-01` as a date.
 */
const SCALARS: Tag[] = [
  { tag: 'tag:yaml.org,2002:null', default: true, test: /^(?:~|[Nn]ull|NULL)?$/, resolve: () => null },
  {
    tag: 'tag:yaml.org,2002:bool',
    default: true,
    test: /^(?:[Yy]|[Yy]es|YES|[Nn]|[Nn]o|NO|[Tt]rue|TRUE|[Ff]alse|FALSE|[Oo]n|ON|[Oo]ff|OFF)$/,
    resolve: (text) => /^(?:[YyTt]|[Oo][Nn]$)/.test(text),
  },
  { tag: INT, default: true, test: /^[-+]?0[xX][0-9a-fA-F_]+$/, resolve: (text) => integer(text, 16, /^0[xX]/) },
  { tag: INT, default: true, test: /^[-+]?0[bB][01_]+$/, resolve: (text) => integer(text, 2, /^0[bB]/) },
  { tag: INT, default: true, test: /^[-+]?0[oO]?[0-7_]+$/, resolve: (text) => integer(text, 8, /^0[oO]?/) },
  { tag: INT, default: true, test: /^[-+]?[0-9][0-9_]*$/, resolve: (text) => integer(text, 10, /^/) },
  {
    tag: FLOAT,
    default: true,
    test: /^[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?$/,
    resolve: (text) => Number.parseFloat(text.replaceAll('_', '')),
  },
  { tag: FLOAT, default: true, test: /^[-+]?\.(?:inf|Inf|INF)$/, resolve: (text) => (text.startsWith('-') ? -1 : 1) / 0 },
  { tag: FLOAT, default: true, test: /^\.(?:nan|NaN|NAN)$/, resolve: () => Number.NaN },
  { tag: 'tag:yaml.org,2002:binary', default: false, resolve: (text) => Buffer.from(text, 'base64').toString() },
]

function integer(text: string, radix: number, prefix: RegExp): number {
  const digits = text.replace(/^[-+]/, '').replaceAll('_', '').replace(prefix, '')
  const value = Number.parseInt(digits === '' ? '0' : digits, radix)
  return text.startsWith('-') ? -value : value
}

const COLLECTIONS = new Set(['tag:yaml.org,2002:map', 'tag:yaml.org,2002:seq', 'tag:yaml.org,2002:str'])

/** Made once: a schema for each document costs more than a small document. A `%YAML 1.2` directive does not change it. */
const SCHEMA = new Schema({
  schema: 'yaml-1.1',
  merge: true,
  customTags: (tags) => {
    const kept = tags.filter((tag) => typeof tag !== 'string' && (COLLECTIONS.has(tag.tag) || tag.default === 'key'))
    return [...kept, ...SCALARS]
  },
})

/**
 * Reads one YAML document as kubectl does.
 *
 * @throws SyntaxProblem, also for duplicate keys and for more than {@link MAX_ALIASES} aliases.
 */
export function parseYaml(text: string): unknown {
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, {
      schema: SCHEMA,
      version: '1.1',
      prettyErrors: false,
      lineCounter: lines,
      logLevel: 'silent',
    })
    const [error] = document.errors
    if (error === undefined) return document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown
    const { line, col } = lines.linePos(error.pos[0])
    throw new SyntaxProblem(firstLine(error.message), line - 1, col)
  } catch (error) {
    if (error instanceof SyntaxProblem) throw error
    throw aliasProblem(firstLine(error instanceof Error ? error.message : String(error)), text)
  }
}

/** The library resolves aliases late, and then no longer says where they stand. */
function aliasProblem(message: string, text: string): SyntaxProblem {
  const name = /^Unresolved alias.*: (\S+)$/.exec(message)?.[1]
  if (name === undefined) return new SyntaxProblem(message)
  const before = text.slice(0, Math.max(text.indexOf(`*${name}`), 0)).split('\n')
  return new SyntaxProblem(message, before.length - 1, (before.at(-1)?.length ?? 0) + 1, true)
}

function firstLine(message: string): string {
  const [line = ''] = message.split('\n', 1)
  return line.length > 200 ? `${line.slice(0, 200)}...` : line
}
