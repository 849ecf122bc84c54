import { type Attribute, attributeMap, attributes, readBytes, readString } from '../../netlink/attributes.ts'
import { NLA_F_NESTED, NLM_F } from '../../netlink/constants.ts'
import { MessageWriter } from '../../netlink/writer.ts'
import {
  NFT_SET,
  NFTA_DATA,
  NFTA_DYNSET,
  NFTA_EXPR,
  NFTA_IMMEDIATE,
  NFTA_LIST_ELEM,
  NFTA_LOOKUP,
  NFTA_RULE,
} from '../constants.ts'
import { readVerdict } from '../decode.ts'
import { tableOf } from './apply-structure.ts'
import type { Attempt } from './changes.ts'
import { deleteRules } from './release.ts'
import { offsetOf, optionalText, Refused, type Request } from './request.ts'
import { type FakeChain, type FakeRule, type FakeSet, type FakeTable, targetName } from './store.ts'

/** Expressions that a rule may have; the kernel loads a module for each. */
const KNOWN_EXPRESSIONS = new Set(
  `bitwise byteorder cmp connlimit counter ct dup dynset exthdr fib fwd hash immediate limit log lookup masq meta nat
  notrack numgen objref payload queue quota range redir reject rt socket tproxy`.split(/\s+/),
)
/** Where an expression names a set, and the number of one that is made in the same batch. */
const SET_ATTRIBUTES: ReadonlyMap<string, { readonly name: number; readonly id: number }> = new Map([
  ['lookup', { name: NFTA_LOOKUP.SET, id: NFTA_LOOKUP.SET_ID }],
  ['dynset', { name: NFTA_DYNSET.SET_NAME, id: NFTA_DYNSET.SET_ID }],
])

export function newRule(attempt: Attempt, request: Request): void {
  const { store, changes } = attempt
  const table = tableOf(attempt, request, NFTA_RULE.TABLE)
  const chain = chainOf(table, request)
  if (request.body.has(NFTA_RULE.POSITION) || request.body.has(NFTA_RULE.HANDLE)) throw new Refused('EOPNOTSUPP')
  const { expressions, targets, sets } = readExpressions(attempt, table, request)
  const userdata = request.body.get(NFTA_RULE.USERDATA)
  const rule: FakeRule = {
    handle: store.nextHandle(),
    expressions,
    userdata: userdata && readBytes(request.message.buffer, userdata),
    targets,
    sets,
  }
  for (const object of [...targets, ...sets]) store.count(object, 1)
  store.setRules(chain, request.message.flags & NLM_F.APPEND ? [...chain.rules, rule] : [rule, ...chain.rules])
  changes.push({ what: 'rule', isNew: true, table, chain, rule })
}

/** With a handle one rule, without one all of the chain, and without a chain all of the table. */
export function deleteRule(attempt: Attempt, request: Request): void {
  const table = tableOf(attempt, request, NFTA_RULE.TABLE)
  if (!request.body.has(NFTA_RULE.CHAIN)) {
    for (const chain of table.chains.values()) deleteRules(attempt, table, chain, chain.rules)
    return
  }
  const chain = chainOf(table, request)
  const handle = request.body.get(NFTA_RULE.HANDLE)
  if (handle === undefined) return deleteRules(attempt, table, chain, chain.rules)
  const number = Number(request.message.buffer.readBigUInt64BE(handle.start))
  const rules = chain.rules.filter((rule) => rule.handle === number)
  if (rules.length === 0) throw new Refused('ENOENT', offsetOf(request, handle))
  deleteRules(attempt, table, chain, rules)
}

function chainOf(table: FakeTable, request: Request): FakeChain {
  const chain = table.chains.get(optionalText(request, NFTA_RULE.CHAIN) ?? '')
  if (chain === undefined) throw new Refused('ENOENT', offsetOf(request, request.body.get(NFTA_RULE.CHAIN)))
  return chain
}

/** The chain that a verdict goes to: it must be there, and have no hook. */
export function verdictTarget(
  table: FakeTable,
  buffer: Buffer,
  verdict: Attribute,
  offset: number,
): FakeChain | undefined {
  const name = targetName(readVerdict(buffer, verdict))
  if (name === undefined) return undefined
  const chain = table.chains.get(name)
  if (chain === undefined) throw new Refused('ENOENT', offset)
  if (chain.base !== undefined) throw new Refused('EOPNOTSUPP', offset)
  return chain
}

interface Expressions {
  readonly expressions: Buffer
  readonly targets: FakeChain[]
  readonly sets: FakeSet[]
}

function readExpressions(attempt: Attempt, table: FakeTable, request: Request): Expressions {
  const { buffer } = request.message
  const writer = new MessageWriter(1024)
  const targets: FakeChain[] = []
  const sets: FakeSet[] = []
  const list = request.body.get(NFTA_RULE.EXPRESSIONS)
  for (const item of list ? attributes(buffer, list.start, list.end) : []) {
    const offset = offsetOf(request, item)
    const parts = attributeMap(buffer, item.start, item.end)
    const nameAt = parts.get(NFTA_EXPR.NAME)
    const name = nameAt ? readString(buffer, nameAt) : ''
    if (!KNOWN_EXPRESSIONS.has(name)) throw new Refused('ENOENT', offset)
    const data = parts.get(NFTA_EXPR.DATA)
    const target = data && name === 'immediate' ? immediateTarget(table, buffer, data, offset) : undefined
    if (target !== undefined) targets.push(target)
    const set = data && setOf(attempt, table, buffer, name, data, offset)
    if (set !== undefined) sets.push(set)
    writeExpression(writer, buffer, item, name, set)
  }
  return { expressions: Buffer.from(writer.bytes), targets, sets }
}

function immediateTarget(table: FakeTable, buffer: Buffer, data: Attribute, offset: number): FakeChain | undefined {
  const value = attributeMap(buffer, data.start, data.end).get(NFTA_IMMEDIATE.DATA)
  const verdict = value && attributeMap(buffer, value.start, value.end).get(NFTA_DATA.VERDICT)
  return verdict && verdictTarget(table, buffer, verdict, offset)
}

function setOf(
  attempt: Attempt,
  table: FakeTable,
  buffer: Buffer,
  expression: string,
  data: Attribute,
  offset: number,
): FakeSet | undefined {
  const types = SET_ATTRIBUTES.get(expression)
  if (types === undefined) return undefined
  const parts = attributeMap(buffer, data.start, data.end)
  const name = parts.get(types.name)
  const id = parts.get(types.id)
  const set =
    table.sets.get(name ? readString(buffer, name) : '') ?? (id && attempt.sets.get(buffer.readUInt32BE(id.start)))
  if (set === undefined) throw new Refused('ENOENT', offset)
  if (set.flags & NFT_SET.ANONYMOUS && set.uses > 0) throw new Refused('EBUSY', offset)
  return set
}

/** An expression as a dump gives it: a set by the name that it got, and without its number in the batch. */
function writeExpression(writer: MessageWriter, buffer: Buffer, item: Attribute, name: string, set?: FakeSet): void {
  const types = SET_ATTRIBUTES.get(name)
  if (types === undefined || set === undefined) {
    writer.bytesOf(NFTA_LIST_ELEM | NLA_F_NESTED, buffer.subarray(item.start, item.end))
    return
  }
  const nested = writer.beginNested(NFTA_LIST_ELEM)
  writer.string(NFTA_EXPR.NAME, name)
  const data = writer.beginNested(NFTA_EXPR.DATA)
  const at = attributeMap(buffer, item.start, item.end).get(NFTA_EXPR.DATA)
  for (const part of at ? attributes(buffer, at.start, at.end) : []) {
    if (part.type === types.name) writer.string(types.name, set.name)
    else if (part.type !== types.id) writer.bytesOf(part.type, buffer.subarray(part.start, part.end))
  }
  writer.endNested(data)
  writer.endNested(nested)
}
