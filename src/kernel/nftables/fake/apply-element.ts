import { type Attribute, attributeMap, attributes, readString } from '../../netlink/attributes.ts'
import { NLM_F } from '../../netlink/constants.ts'
import {
  NFT_DATA_VERDICT,
  NFT_SET,
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_DATA,
  NFTA_SET_ELEM,
  NFTA_SET_ELEM_LIST,
} from '../constants.ts'
import { readVerdict } from '../decode.ts'
import { formatVerdict } from '../verdict.ts'
import { verdictTarget } from './apply-rule.ts'
import { tableOf } from './apply-structure.ts'
import { type Attempt, placeOf } from './changes.ts'
import { overlaps, overlapsBox } from './intervals.ts'
import { dropElement } from './release.ts'
import { offsetOf, Refused, type Request } from './request.ts'
import type { FakeElement, FakeSet, FakeTable } from './store.ts'

export function newElements(attempt: Attempt, request: Request): void {
  const { table, set } = setOf(attempt, request)
  const list = request.body.get(NFTA_SET_ELEM_LIST.ELEMENTS)
  if (list === undefined) throw new Refused('EINVAL')
  // An anonymous set belongs to its rule, and is filled before.
  if (set.flags & (NFT_SET.CONSTANT | NFT_SET.ANONYMOUS) && set.uses > 0) throw new Refused('EBUSY')
  for (const item of attributes(request.message.buffer, list.start, list.end)) {
    addElement(attempt, request, table, set, item)
  }
}

function addElement(attempt: Attempt, request: Request, table: FakeTable, set: FakeSet, item: Attribute): void {
  const { store, changes } = attempt
  const offset = offsetOf(request, item)
  const element = readElement(request, table, set, item, offset)
  check(attempt, 'add element', table, set, element.id, offset)
  const known = set.elements.get(element.id)
  if (known !== undefined) {
    if (known.data !== element.data || request.message.flags & NLM_F.EXCL) throw new Refused('EEXIST', offset)
    return
  }
  if (set.flags & NFT_SET.INTERVAL) {
    const isRefused = set.flags & NFT_SET.CONCAT ? overlapsBox(set, element.id) : overlaps(set, element.id)
    if (isRefused) throw new Refused('EEXIST', offset)
  }
  if (set.size > 0 && set.elements.size >= set.size) throw new Refused('ENFILE', offset)
  store.put(set.elements, element.id, element)
  if (element.target !== undefined) store.count(element.target, 1)
  changes.push({ what: 'element', isNew: true, table, set, element })
}

/** Without a list it means every element. */
export function deleteElements(attempt: Attempt, request: Request): void {
  const { table, set } = setOf(attempt, request)
  if (set.flags & NFT_SET.ANONYMOUS) throw new Refused('EOPNOTSUPP')
  const { buffer } = request.message
  const list = request.body.get(NFTA_SET_ELEM_LIST.ELEMENTS)
  if (list === undefined) {
    for (const element of [...set.elements.values()]) dropElement(attempt, table, set, element)
    return
  }
  for (const item of attributes(buffer, list.start, list.end)) {
    const offset = offsetOf(request, item)
    const id = readId(set, buffer, attributeMap(buffer, item.start, item.end), offset)
    check(attempt, 'delete element', table, set, id, offset)
    const element = set.elements.get(id)
    if (element === undefined) throw new Refused('ENOENT', offset)
    dropElement(attempt, table, set, element)
  }
}

/** The set by its name, or one made in the same batch by its number. */
function setOf(attempt: Attempt, request: Request): { table: FakeTable; set: FakeSet } {
  const { buffer } = request.message
  const table = tableOf(attempt, request, NFTA_SET_ELEM_LIST.TABLE)
  const name = request.body.get(NFTA_SET_ELEM_LIST.SET)
  const id = request.body.get(NFTA_SET_ELEM_LIST.SET_ID)
  const set =
    table.sets.get(name ? readString(buffer, name) : '') ?? (id && attempt.sets.get(buffer.readUInt32BE(id.start)))
  if (set === undefined) throw new Refused('ENOENT', offsetOf(request, name))
  return { table, set }
}

type Parts = ReadonlyMap<number, Attribute>

function readElement(request: Request, table: FakeTable, set: FakeSet, item: Attribute, offset: number): FakeElement {
  const { buffer } = request.message
  const parts = attributeMap(buffer, item.start, item.end)
  const id = readId(set, buffer, parts, offset)
  const data = parts.get(NFTA_SET_ELEM.DATA)
  const needsData = (set.flags & NFT_SET.MAP) !== 0 && !id.startsWith('-')
  if (needsData !== (data !== undefined)) throw new Refused('EINVAL', offset)
  const copy = Buffer.from(buffer.subarray(item.start, item.end))
  if (data === undefined) return { id, attributes: copy, data: '', target: undefined }
  return { id, attributes: copy, ...readData(table, set, buffer, data, offset) }
}

function readId(set: FakeSet, buffer: Buffer, parts: Parts, offset: number): string {
  const key = parts.get(NFTA_SET_ELEM.KEY)
  const value = key && attributeMap(buffer, key.start, key.end).get(NFTA_DATA.VALUE)
  if (value === undefined || value.end - value.start !== set.keyBytes) throw new Refused('EINVAL', offset)
  const flags = parts.get(NFTA_SET_ELEM.FLAGS)
  const isEnd = flags !== undefined && (buffer.readUInt32BE(flags.start) & NFT_SET_ELEM_INTERVAL_END) !== 0
  if (isEnd && !(set.flags & NFT_SET.INTERVAL)) throw new Refused('EINVAL', offset)
  const start = buffer.toString('hex', value.start, value.end)
  const keyEnd = parts.get(NFTA_SET_ELEM.KEY_END)
  const last = keyEnd && attributeMap(buffer, keyEnd.start, keyEnd.end).get(NFTA_DATA.VALUE)
  return last === undefined ? `${isEnd ? '-' : ''}${start}` : `${start}/${buffer.toString('hex', last.start, last.end)}`
}

function readData(
  table: FakeTable,
  set: FakeSet,
  buffer: Buffer,
  data: Attribute,
  offset: number,
): Pick<FakeElement, 'data' | 'target'> {
  const parts = attributeMap(buffer, data.start, data.end)
  if (set.dataType === NFT_DATA_VERDICT) {
    const verdict = parts.get(NFTA_DATA.VERDICT)
    if (verdict === undefined) throw new Refused('EINVAL', offset)
    const target = verdictTarget(table, buffer, verdict, offset)
    return { data: formatVerdict(readVerdict(buffer, verdict)), target }
  }
  const value = parts.get(NFTA_DATA.VALUE)
  if (value === undefined || value.end - value.start !== set.dataBytes) throw new Refused('EINVAL', offset)
  return { data: buffer.toString('hex', value.start, value.end), target: undefined }
}

function check(attempt: Attempt, operation: string, table: FakeTable, set: FakeSet, key: string, offset: number): void {
  attempt.check({ operation, ...placeOf(table), object: set.name, key }, offset)
}
