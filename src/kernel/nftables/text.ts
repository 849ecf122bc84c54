import { type DataType, formatConcat } from './datatype.ts'
import { keyBefore } from './interval.ts'
import { statementText } from './statement-text.ts'
import type { Transaction } from './transaction.ts'
import {
  type Chain,
  dataParts,
  dataTypes,
  type Element,
  isField,
  type NftSet,
  type Rule,
  type SetPart,
  type Table,
} from './types.ts'
import { shortenComment } from './userdata.ts'
import { formatVerdict } from './verdict.ts'

/** The same transaction as commands that `nft -f` takes. */
export class TextTransaction implements Transaction {
  readonly #lines: string[] = []
  #operations = 0
  #open: { command: string; elements: string[] } | undefined

  get operations(): number {
    return this.#operations
  }

  /** The commands, one a line; empty when there are none. */
  toString(): string {
    this.#close()
    return this.#lines.map((line) => `${line}\n`).join('')
  }

  addTable(table: Table): void {
    this.#line(`add table ${table.family} ${table.name}`)
  }

  deleteTable(table: Table): void {
    this.#line(`delete table ${table.family} ${table.name}`)
  }

  addChain(table: Table, chain: Chain): void {
    const { base } = chain
    const hook = base && ` { type ${base.type} hook ${base.hook} priority ${base.priority}; policy accept; }`
    this.#line(`add chain ${table.family} ${table.name} ${chain.name}${hook ?? ''}`)
  }

  deleteChain(table: Table, chain: string): void {
    this.flushChain(table, chain)
    this.#line(`delete chain ${table.family} ${table.name} ${chain}`)
  }

  flushChain(table: Table, chain: string): void {
    this.#line(`flush chain ${table.family} ${table.name} ${chain}`)
  }

  addRule(table: Table, rule: Rule): void {
    const statements = rule.statements.map(statementText).join(' ')
    const comment =
      rule.comment === undefined || rule.comment === '' ? '' : ` comment "${shortenComment(rule.comment)}"`
    this.#line(`add rule ${table.family} ${table.name} ${rule.chain} ${statements}${comment}`)
  }

  addSet(table: Table, set: NftSet): void {
    const kind = set.data === undefined ? 'set' : 'map'
    this.#line(`add ${kind} ${table.family} ${table.name} ${set.name} { ${setDeclaration(set)} }`)
  }

  deleteSet(table: Table, set: string): void {
    this.#line(`delete set ${table.family} ${table.name} ${set}`)
  }

  addElement(table: Table, set: NftSet, element: Element): void {
    this.#element(`add element ${table.family} ${table.name} ${set.name}`, elementText(set, element))
  }

  deleteElement(table: Table, set: NftSet, element: Element): void {
    this.#element(`delete element ${table.family} ${table.name} ${set.name}`, keyText(set, element))
  }

  #line(line: string): void {
    this.#close()
    this.#lines.push(line)
    this.#operations++
  }

  #element(command: string, text: string): void {
    if (this.#open?.command !== command) {
      this.#close()
      this.#open = { command, elements: [] }
    }
    this.#open.elements.push(text)
    this.#operations++
  }

  #close(): void {
    if (this.#open === undefined) return
    this.#lines.push(`${this.#open.command} { ${this.#open.elements.join(', ')} }`)
    this.#open = undefined
  }
}

function setDeclaration(set: NftSet): string {
  const data = set.data === undefined ? '' : ` : ${set.data === 'verdict' ? 'verdict' : partsText(set.data)}`
  const parts = [...set.key, ...dataParts(set)]
  const declared = [`${parts.every(isField) ? 'typeof' : 'type'} ${partsText(set.key)}${data};`]
  if (set.interval === true) declared.push('flags interval;')
  if (set.dynamic !== undefined) {
    const { timeoutSeconds, size } = set.dynamic
    declared.push(`size ${size};`, 'flags dynamic,timeout;', `timeout ${timeoutSeconds}s;`)
  }
  return declared.join(' ')
}

function partsText(parts: readonly SetPart[]): string {
  return parts.map((part) => (isField(part) ? part.text : part.name)).join(' . ')
}

/** The element as nft writes it, with its comment. */
function elementText(set: NftSet, element: Element): string {
  const comment =
    element.comment === undefined || element.comment === '' ? '' : ` comment "${shortenComment(element.comment)}"`
  return `${keyText(set, element)}${comment}${dataText(set, element)}`
}

function keyText(set: NftSet, element: Element): string {
  const types = dataTypes(set.key)
  const key = formatConcat(types, Buffer.from(element.key))
  if (element.keyEnd !== undefined) return rangesText(types, Buffer.from(element.key), Buffer.from(element.keyEnd))
  if (set.interval !== true) return key
  // A range without an end mark reaches to the last key.
  const last =
    element.intervalEnd === undefined ? Buffer.alloc(element.key.length, 0xff) : keyBefore(element.intervalEnd)
  return `${key}-${formatConcat(types, last)}`
}

function dataText(set: NftSet, element: Element): string {
  const { data } = element
  if (data === undefined || set.data === undefined) return ''
  if (!(data instanceof Uint8Array)) return ` : ${formatVerdict(data)}`
  return set.data === 'verdict' ? '' : ` : ${formatConcat(dataTypes(set.data), Buffer.from(data))}`
}

/** Each part of a concatenated key as a value, or as a range. */
function rangesText(types: readonly DataType[], start: Buffer, end: Buffer): string {
  let at = 0
  const parts = types.map((type) => {
    const [from, to] = [start, end].map((key) => type.format(key.subarray(at, at + type.bytes)))
    at += (type.bytes + 3) & ~3
    return from === to ? from : `${from}-${to}`
  })
  return parts.join(' . ')
}
