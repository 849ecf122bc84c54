import type { ScalarTag } from 'yaml'

/** A tag whose scalars are told by a pattern alone. */
type PlainTag = Omit<ScalarTag, 'resolve'> & { readonly resolve: (text: string) => unknown }

const INT = 'tag:yaml.org,2002:int'
const FLOAT = 'tag:yaml.org,2002:float'

/**
 * How kubectl (go-yaml v2) reads plain scalars: YAML 1.1 without its times of day and dates, which stay text, and with
 * `0o17`. The library's own YAML 1.1 schema reads `12:30` as 750 and `2026-01-01` as a date.
 */
export const SCALARS: readonly PlainTag[] = [
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
  {
    tag: FLOAT,
    default: true,
    test: /^[-+]?\.(?:inf|Inf|INF)$/,
    resolve: (text) => (text.startsWith('-') ? -1 : 1) / 0,
  },
  { tag: FLOAT, default: true, test: /^\.(?:nan|NaN|NAN)$/, resolve: () => Number.NaN },
  { tag: 'tag:yaml.org,2002:binary', default: false, resolve: (text) => Buffer.from(text, 'base64').toString() },
]

function integer(text: string, radix: number, prefix: RegExp): number {
  const digits = text.replace(/^[-+]/, '').replaceAll('_', '').replace(prefix, '')
  const value = Number.parseInt(digits === '' ? '0' : digits, radix)
  return text.startsWith('-') ? -value : value
}

/** Words and numbers begin with one of these; anything else is text. */
const MAY_BE_SPECIAL = /^[-+.0-9~yYnNtTfFoO]/
const LONGEST_WORD = 5

/** What a plain scalar (one without quotes) means. */
export function resolvePlain(text: string): unknown {
  if (text !== '' && !MAY_BE_SPECIAL.test(text)) return text
  // Letters sort behind the colon, digits, signs and dots before it.
  if (text.length > LONGEST_WORD && text > ':') return text
  for (const tag of SCALARS) if (tag.default === true && tag.test?.test(text)) return tag.resolve(text)
  return text
}
