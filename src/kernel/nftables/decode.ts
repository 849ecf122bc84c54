import { type Attribute, attributeMap, attributes, readBytes, readString } from '../netlink/attributes.ts'
import type { Message } from '../netlink/message.ts'
import {
  NFGENMSG_BYTES,
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_CHAIN,
  NFTA_DATA,
  NFTA_EXPR,
  NFTA_HOOK,
  NFTA_IMMEDIATE,
  NFTA_RULE,
  NFTA_SET,
  NFTA_SET_DESC,
  NFTA_SET_ELEM,
  NFTA_SET_ELEM_LIST,
  NFTA_TABLE,
  NFTA_VERDICT,
  VERDICT_CODE,
} from './constants.ts'
import type { SetShape } from './set-encode.ts'
import { readComment } from './userdata.ts'
import type { Verdict } from './verdict.ts'

export interface ReadTable {
  readonly name: string
  readonly flags: number
}

export interface ReadChain {
  readonly table: string
  readonly name: string
  /** Absent for a chain without a hook. */
  readonly base?: {
    readonly type: string
    readonly hooknum: number
    readonly priority: number
    readonly policy: number
  }
}

export interface ReadRule {
  readonly table: string
  readonly chain: string
  /** The kernel's number of the rule, which no other rule of the table has had. */
  readonly handle: bigint
  /** The kernel's expression list, undecoded. */
  readonly expressions: Buffer
  readonly comment: string
}

export interface ReadSet extends SetShape {
  readonly table: string
  readonly name: string
}

export interface ReadElement {
  readonly key: Buffer
  /** Inclusive end of a concatenated key with ranges. */
  readonly keyEnd?: Buffer
  readonly data?: Buffer | Verdict
  readonly comment: string
  /** The end mark of a range. */
  readonly isIntervalEnd: boolean
}

type Body = ReadonlyMap<number, Attribute>

function bodyOf(message: Message): Body {
  return attributeMap(message.buffer, message.start + NFGENMSG_BYTES, message.end)
}

function text(buffer: Buffer, body: Body, type: number): string {
  const attribute = body.get(type)
  return attribute === undefined ? '' : readString(buffer, attribute)
}

function u32(buffer: Buffer, body: Body, type: number): number {
  const attribute = body.get(type)
  return attribute === undefined ? 0 : buffer.readUInt32BE(attribute.start)
}

export function readTable({ buffer, ...message }: Message): ReadTable {
  const body = bodyOf({ buffer, ...message })
  return { name: text(buffer, body, NFTA_TABLE.NAME), flags: u32(buffer, body, NFTA_TABLE.FLAGS) }
}

export function readChain(message: Message): ReadChain {
  const { buffer } = message
  const body = bodyOf(message)
  const named = { table: text(buffer, body, NFTA_CHAIN.TABLE), name: text(buffer, body, NFTA_CHAIN.NAME) }
  const hook = body.get(NFTA_CHAIN.HOOK)
  if (hook === undefined) return named
  const at = attributeMap(buffer, hook.start, hook.end)
  return {
    ...named,
    base: {
      type: text(buffer, body, NFTA_CHAIN.TYPE),
      hooknum: u32(buffer, at, NFTA_HOOK.HOOKNUM),
      priority: u32(buffer, at, NFTA_HOOK.PRIORITY) | 0,
      policy: u32(buffer, body, NFTA_CHAIN.POLICY),
    },
  }
}

export function readRule(message: Message): ReadRule {
  const { buffer } = message
  const body = bodyOf(message)
  const handle = body.get(NFTA_RULE.HANDLE)
  const expressions = body.get(NFTA_RULE.EXPRESSIONS)
  const userdata = body.get(NFTA_RULE.USERDATA)
  return {
    table: text(buffer, body, NFTA_RULE.TABLE),
    chain: text(buffer, body, NFTA_RULE.CHAIN),
    handle: handle ? buffer.readBigUInt64BE(handle.start) : 0n,
    expressions: expressions ? readBytes(buffer, expressions) : Buffer.alloc(0),
    comment: userdata ? readComment(readBytes(buffer, userdata)) : '',
  }
}

/**
 * The chains that a rule's own verdicts jump or go to. Expressions of kinds that Sluice does not know, such as the matches
 * and targets of iptables, are passed over; so are the verdicts in the elements of a map.
 */
export function ruleTargets({ expressions }: Pick<ReadRule, 'expressions'>): string[] {
  const targets: string[] = []
  for (const item of attributes(expressions, 0, expressions.length)) {
    const expression = attributeMap(expressions, item.start, item.end)
    const name = expression.get(NFTA_EXPR.NAME)
    const body = expression.get(NFTA_EXPR.DATA)
    if (!name || !body || readString(expressions, name) !== 'immediate') continue
    const data = attributeMap(expressions, body.start, body.end).get(NFTA_IMMEDIATE.DATA)
    const verdict = data && readData(expressions, data)
    if (verdict !== undefined && 'chain' in verdict) targets.push(verdict.chain)
  }
  return targets
}

export function readSet(message: Message): ReadSet {
  const { buffer } = message
  const body = bodyOf(message)
  const description = body.get(NFTA_SET.DESC)
  const timeout = body.get(NFTA_SET.TIMEOUT)
  const userdata = body.get(NFTA_SET.USERDATA)
  return {
    table: text(buffer, body, NFTA_SET.TABLE),
    name: text(buffer, body, NFTA_SET.NAME),
    flags: u32(buffer, body, NFTA_SET.FLAGS),
    keyType: u32(buffer, body, NFTA_SET.KEY_TYPE),
    keyBytes: u32(buffer, body, NFTA_SET.KEY_LEN),
    dataType: u32(buffer, body, NFTA_SET.DATA_TYPE),
    dataBytes: u32(buffer, body, NFTA_SET.DATA_LEN),
    // The key's types and the flag for ranges say the same, and the kernel does not always tell it.
    fieldBytes: [],
    size: description ? u32(buffer, attributeMap(buffer, description.start, description.end), NFTA_SET_DESC.SIZE) : 0,
    timeoutMs: timeout ? Number(buffer.readBigUInt64BE(timeout.start)) : 0,
    userdata: userdata ? readBytes(buffer, userdata) : Buffer.alloc(0),
  }
}

/** The elements of one message of an element dump or of a notification. */
export function* readElements(message: Message): Generator<ReadElement> {
  const { buffer } = message
  const list = bodyOf(message).get(NFTA_SET_ELEM_LIST.ELEMENTS)
  if (list === undefined) return
  for (const item of attributes(buffer, list.start, list.end)) {
    const parts = attributeMap(buffer, item.start, item.end)
    const key = parts.get(NFTA_SET_ELEM.KEY)
    const value = key && attributeMap(buffer, key.start, key.end).get(NFTA_DATA.VALUE)
    if (value === undefined) continue
    const data = parts.get(NFTA_SET_ELEM.DATA)
    const end = parts.get(NFTA_SET_ELEM.KEY_END)
    const endValue = end && attributeMap(buffer, end.start, end.end).get(NFTA_DATA.VALUE)
    const userdata = parts.get(NFTA_SET_ELEM.USERDATA)
    yield {
      key: readBytes(buffer, value),
      ...(endValue ? { keyEnd: readBytes(buffer, endValue) } : undefined),
      ...(data ? { data: readData(buffer, data) } : undefined),
      comment: userdata ? readComment(readBytes(buffer, userdata)) : '',
      isIntervalEnd: (u32(buffer, parts, NFTA_SET_ELEM.FLAGS) & NFT_SET_ELEM_INTERVAL_END) !== 0,
    }
  }
}

function readData(buffer: Buffer, data: Attribute): Buffer | Verdict {
  const parts = attributeMap(buffer, data.start, data.end)
  const value = parts.get(NFTA_DATA.VALUE)
  if (value !== undefined) return readBytes(buffer, value)
  const verdict = parts.get(NFTA_DATA.VERDICT)
  return verdict ? readVerdict(buffer, verdict) : Buffer.alloc(0)
}

export function readVerdict(buffer: Buffer, verdict: Attribute): Verdict {
  const parts = attributeMap(buffer, verdict.start, verdict.end)
  const code = u32(buffer, parts, NFTA_VERDICT.CODE) | 0
  const chain = text(buffer, parts, NFTA_VERDICT.CHAIN)
  if (code === VERDICT_CODE.jump) return { kind: 'jump', chain }
  if (code === VERDICT_CODE.goto) return { kind: 'goto', chain }
  if (code === VERDICT_CODE.return) return { kind: 'return' }
  return { kind: code === VERDICT_CODE.drop ? 'drop' : 'accept' }
}
