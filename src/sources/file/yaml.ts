import { type Document, isPair, isScalar, LineCounter, parseDocument, Schema, visit } from 'yaml'
import { SCALARS } from './yaml-scalars.ts'

/** Aliases that are followed in one document; more is taken for a bomb that grows in memory. */
const MAX_ALIASES = 100

/** Where and why a text is no YAML or JSON. */
export class SyntaxProblem extends Error {
  override readonly name = 'SyntaxProblem'
  /** Line in the text; from 0. */
  readonly line: number
  /** From 1; 0 when it is not known where. */
  readonly column: number
  /** True when an alias names an anchor that the text does not have. */
  readonly unknownAlias: boolean

  constructor(message: string, line = 0, column = 0, unknownAlias = false) {
    super(message)
    this.line = line
    this.column = column
    this.unknownAlias = unknownAlias
  }
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
 * @param onDuplicate is told the path of each key that its mapping has twice, of which the last counts; without it such a key
 *   is a problem.
 * @throws SyntaxProblem, also for duplicate keys and for more than {@link MAX_ALIASES} aliases.
 */
export function parseYaml(text: string, onDuplicate?: (path: string) => void): unknown {
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, {
      schema: SCHEMA,
      version: '1.1',
      prettyErrors: false,
      // The library compares each key with all others of its mapping; see below.
      uniqueKeys: false,
      lineCounter: lines,
      logLevel: 'silent',
    })
    const duplicate = document.errors.length === 0 ? duplicateKeys(document, onDuplicate) : undefined
    const error = document.errors[0] ?? duplicate
    if (error === undefined) return document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown
    const { line, col } = lines.linePos(error.pos[0])
    throw new SyntaxProblem(firstLine(error.message), line - 1, col)
  } catch (error) {
    if (error instanceof SyntaxProblem) throw error
    throw aliasProblem(firstLine(error instanceof Error ? error.message : String(error)), text)
  }
}

/** The first key that its mapping has twice, as an error of the library's shape; undefined when there is somebody to be told. */
function duplicateKeys(
  document: Document.Parsed,
  onDuplicate?: (path: string) => void,
): { message: string; pos: readonly [number] } | undefined {
  let found: { message: string; pos: readonly [number] } | undefined
  visit(document, {
    Map: (_, map, ancestors) => {
      const keys = new Set<unknown>()
      for (const { key } of map.items) {
        if (!isScalar(key) || typeof key.value === 'symbol') continue
        if (keys.has(key.value)) {
          if (onDuplicate === undefined) {
            found = { message: 'Map keys must be unique', pos: [key.range?.[0] ?? 0] }
            return visit.BREAK
          }
          onDuplicate([...ancestors.filter(isPair).map((pair) => String(pair.key)), String(key.value)].join('.'))
        }
        keys.add(key.value)
      }
      return undefined
    },
  })
  return found
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
