const LF = 10
const SPACE = 32
const HASH = 35
const DASH = 45

/** One entry of a list at the top of a document. */
export interface Item {
  /** From its dash to the next entry's dash: by itself a YAML list of one. */
  readonly bytes: Buffer
  /** Lines below the document's first. */
  readonly line: number
}

export interface SplitDocument {
  /** The document without the entries. */
  readonly header: Buffer
  /** The entries of each list, by its key. */
  readonly lists: ReadonlyMap<string, readonly Item[]>
}

/**
 * Splits a YAML document at the entries of the lists that it has under the given keys, in block style at the very left, as
 * kubectl and KPNG write them. Needs no parsing, since everything inside an entry is indented more than its dash.
 *
 * @returns undefined when there is no such list.
 */
export function splitYamlItems(bytes: Buffer, keys: readonly string[]): SplitDocument | undefined {
  const lists = new Map<string, Item[]>()
  const header: Buffer[] = []
  let list: Item[] | undefined
  /** Column of the present list's dashes; -1 before its first. */
  let indent = -1
  let itemStart = -1
  let itemLine = 0
  const endItem = (end: number): void => {
    if (itemStart !== -1) list?.push({ bytes: bytes.subarray(itemStart, end), line: itemLine })
    itemStart = -1
  }
  for (let start = 0, line = 0; start < bytes.length; line++) {
    const feed = bytes.indexOf(LF, start)
    const end = feed === -1 ? bytes.length : feed + 1
    const content = contentColumn(bytes, start, end)
    if (content !== -1) {
      const isDash = bytes[start + content] === DASH && isBlank(bytes[start + content + 1])
      if (list !== undefined && isDash && (content === indent || indent === -1)) {
        endItem(start)
        indent = content
        itemStart = start
        itemLine = line
      } else if (list === undefined || itemStart === -1 || content <= indent) {
        endItem(start)
        header.push(bytes.subarray(start, end))
        list = content === 0 ? newList(bytes.toString('latin1', start, end), keys, lists) : undefined
        indent = -1
      }
    } else if (list === undefined) header.push(bytes.subarray(start, end))
    start = end
  }
  endItem(bytes.length)
  return lists.size === 0 ? undefined : { header: Buffer.concat(header), lists }
}

/** Column of the first character of a line; -1 for an empty line or a comment. */
function contentColumn(bytes: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && bytes[at] === SPACE) at++
  const first = bytes[at]
  return at === end || first === LF || first === 13 || first === HASH ? -1 : at - start
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === LF || byte === 13 || byte === undefined
}

/** The list that a line such as `items:` opens; a key that comes twice is left in the header, where it is an error. */
function newList(line: string, keys: readonly string[], lists: Map<string, Item[]>): Item[] | undefined {
  const key = /^([a-z]+):[ \t]*(?:#.*)?\r?\n?$/.exec(line)?.[1]
  if (key === undefined || !keys.includes(key) || lists.has(key)) return undefined
  const list: Item[] = []
  lists.set(key, list)
  return list
}
