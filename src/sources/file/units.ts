import { KPNG_SECTIONS } from '../../model/parse/kpng.ts'
import type { Document } from './document.ts'
import { lineFeeds, splitJsonItems } from './json-items.ts'
import type { Unit } from './unit.ts'
import { parseYaml } from './yaml.ts'
import { type Item, splitYamlItems } from './yaml-items.ts'

const OPEN_MAP = 123
const OPEN_LIST = 91
/** The rest of a list's document is its kind and metadata; more is something else. */
const MAX_HEADER_BYTES = 64 * 1024

/**
 * The units of a document: the items of a `List` or of KPNG's global state, or the document itself when it is something else
 * or cannot be split.
 */
export function unitsOf(document: Document): Unit[] {
  const { bytes, line } = document
  if (isJson(bytes)) return splitJson(document) ?? [{ section: 'document', itemType: '', format: 'json', line, bytes }]
  return splitYaml(document) ?? [wholeDocument(document)]
}

/** A YAML document as one unit. */
export function wholeDocument({ line, bytes }: Document): Unit {
  return { section: 'document', itemType: '', format: 'yaml', line, bytes }
}

function isJson(bytes: Buffer): boolean {
  let at = 0
  while (bytes[at] === 32 || bytes[at] === 9 || bytes[at] === 10 || bytes[at] === 13) at++
  return bytes[at] === OPEN_MAP || bytes[at] === OPEN_LIST
}

function splitJson(document: Document): Unit[] | undefined {
  return splitJsonList(document) ?? splitJsonState(document)
}

function splitJsonList({ bytes, line }: Document): Unit[] | undefined {
  const split = splitJsonItems(bytes, 'items')
  if (split === undefined || split.header.length > MAX_HEADER_BYTES) return undefined
  const itemType = listItemType(parsed(() => JSON.parse(split.header)))
  if (itemType === undefined) return undefined
  return split.items.map((item) => ({
    section: 'items',
    itemType,
    format: 'json',
    line: line + item.line,
    bytes: item.bytes,
  }))
}

/** KPNG's global state, which is a YAML file there, as JSON. */
function splitJsonState({ bytes, line }: Document): Unit[] | undefined {
  const units: Unit[] = []
  let header = bytes
  for (const section of KPNG_SECTIONS) {
    const split = splitJsonItems(header, section)
    if (split === undefined) continue
    for (const item of split.items) {
      units.push({ section, itemType: '', format: 'json', line: line + item.line, bytes: item.bytes })
    }
    // The lists behind keep their lines.
    const feeds = '\n'.repeat(lineFeeds(header) - lineFeeds(Buffer.from(split.header)))
    header = Buffer.from(`${split.header.slice(0, split.at)}${feeds}${split.header.slice(split.at)}`)
  }
  const rest = header.toString().replaceAll('\n', '')
  if (units.length === 0 || rest.length > MAX_HEADER_BYTES) return undefined
  return isKpngHeader(parsed(() => JSON.parse(rest))) ? units : undefined
}

function splitYaml({ bytes, line }: Document): Unit[] | undefined {
  const split = splitYamlItems(bytes, ['items', ...KPNG_SECTIONS])
  if (split === undefined || split.header.length > MAX_HEADER_BYTES) return undefined
  const header = parsed(() => parseYaml(split.header.toString()))
  const unit =
    (section: Unit['section'], itemType: string) =>
    (item: Item): Unit => ({
      section,
      itemType,
      format: 'yaml',
      line: line + item.line,
      bytes: item.bytes,
    })
  const items = split.lists.get('items')
  if (items !== undefined) {
    const itemType = split.lists.size === 1 ? listItemType(header) : undefined
    return itemType === undefined ? undefined : items.map(unit('items', itemType))
  }
  if (!isKpngHeader(header)) return undefined
  return KPNG_SECTIONS.flatMap((section) => (split.lists.get(section) ?? []).map(unit(section, '')))
}

function parsed(parse: () => unknown): unknown {
  try {
    return parse()
  } catch {
    return undefined
  }
}

/** Empty for a `List`, `apiVersion kind` for a list of one kind; undefined for what is no list. */
function listItemType(header: unknown): string | undefined {
  if (typeof header !== 'object' || header === null) return undefined
  const { apiVersion, kind, items } = header as Record<string, unknown>
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !kind.endsWith('List')) return undefined
  if (items !== null && items !== undefined && !(Array.isArray(items) && items.length === 0)) return undefined
  return kind === 'List' ? '' : `${apiVersion} ${kind.slice(0, -'List'.length)}`
}

/** Nothing but KPNG's lists, which are empty here because their entries were taken out, or were given as `[]`. */
function isKpngHeader(header: unknown): boolean {
  if (typeof header !== 'object' || header === null) return false
  return Object.entries(header).every(([key, value]) => {
    const isEmpty = value === null || (Array.isArray(value) && value.length === 0)
    return isEmpty && (KPNG_SECTIONS as readonly string[]).includes(key)
  })
}
