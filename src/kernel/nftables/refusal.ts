import { errnoName } from '../libc/errno.ts'
import { attributeMap, attributes, readBytes, readString } from '../netlink/attributes.ts'
import type { Acknowledgement } from '../netlink/message.ts'
import { type Message, messages } from '../netlink/message.ts'
import {
  NFGENMSG_BYTES,
  NFT_MSG,
  NFTA_CHAIN,
  NFTA_DATA,
  NFTA_RULE,
  NFTA_SET,
  NFTA_SET_ELEM,
  NFTA_SET_ELEM_LIST,
  NFTA_TABLE,
} from './constants.ts'
import type { Refusal } from './error.ts'
import { NFPROTO } from './types.ts'
import { readComment } from './userdata.ts'

interface Operation {
  readonly text: string
  readonly table: number
  /** Attribute that names the set or chain; 0 when the table itself is meant. */
  readonly object: number
  readonly elements?: true
}

const OPERATIONS: ReadonlyMap<number, Operation> = new Map([
  [NFT_MSG.NEWTABLE, { text: 'add table', table: NFTA_TABLE.NAME, object: 0 }],
  [NFT_MSG.DELTABLE, { text: 'delete table', table: NFTA_TABLE.NAME, object: 0 }],
  [NFT_MSG.NEWCHAIN, { text: 'add chain', table: NFTA_CHAIN.TABLE, object: NFTA_CHAIN.NAME }],
  [NFT_MSG.DELCHAIN, { text: 'delete chain', table: NFTA_CHAIN.TABLE, object: NFTA_CHAIN.NAME }],
  [NFT_MSG.NEWRULE, { text: 'add rule', table: NFTA_RULE.TABLE, object: NFTA_RULE.CHAIN }],
  [NFT_MSG.DELRULE, { text: 'delete rule', table: NFTA_RULE.TABLE, object: NFTA_RULE.CHAIN }],
  [NFT_MSG.NEWSET, { text: 'add set', table: NFTA_SET.TABLE, object: NFTA_SET.NAME }],
  [NFT_MSG.DELSET, { text: 'delete set', table: NFTA_SET.TABLE, object: NFTA_SET.NAME }],
  [
    NFT_MSG.NEWSETELEM,
    { text: 'add element', table: NFTA_SET_ELEM_LIST.TABLE, object: NFTA_SET_ELEM_LIST.SET, elements: true },
  ],
  [
    NFT_MSG.DELSETELEM,
    { text: 'delete element', table: NFTA_SET_ELEM_LIST.TABLE, object: NFTA_SET_ELEM_LIST.SET, elements: true },
  ],
])

/** Says in words what the kernel refused, by looking the refused messages up in the batch that was sent. */
export function explainRefusals(batch: Buffer, failures: readonly Acknowledgement[]): Refusal[] {
  const bySequence = new Map<number, Message>()
  for (const message of messages(batch)) bySequence.set(message.sequence, message)
  return failures.map((failure) => explain(bySequence.get(failure.sequence), failure))
}

function explain(message: Message | undefined, failure: Acknowledgement): Refusal {
  const common = { errno: errnoName(failure.errno), text: failure.text }
  const operation = message && OPERATIONS.get(message.type)
  if (message === undefined || operation === undefined) {
    return { ...common, operation: 'commit', family: '', table: '', object: '', comment: '' }
  }
  const { buffer, start, end } = message
  const body = attributeMap(buffer, start + NFGENMSG_BYTES, end)
  const name = (type: number) => {
    const attribute = body.get(type)
    return attribute === undefined ? '' : readString(buffer, attribute)
  }
  return {
    ...common,
    operation: operation.text,
    family: buffer[start] === NFPROTO.ip ? 'ip' : 'ip6',
    table: name(operation.table),
    object: operation.object === 0 ? '' : name(operation.object),
    comment: '',
    ...(operation.elements ? elementAt(message, failure.offset) : undefined),
  }
}

/** The element that the extended acknowledgement's offset (from the message's header) points into. */
function elementAt(message: Message, offset: number): { key: Buffer; comment: string } | undefined {
  const { buffer, start, end } = message
  const list = attributeMap(buffer, start + NFGENMSG_BYTES, end).get(NFTA_SET_ELEM_LIST.ELEMENTS)
  if (list === undefined || offset === 0) return undefined
  const position = start - 16 + offset
  for (const element of attributes(buffer, list.start, list.end)) {
    if (position >= element.end) continue
    const parts = attributeMap(buffer, element.start, element.end)
    const key = parts.get(NFTA_SET_ELEM.KEY)
    const value = key && attributeMap(buffer, key.start, key.end).get(NFTA_DATA.VALUE)
    const userdata = parts.get(NFTA_SET_ELEM.USERDATA)
    if (value === undefined) return undefined
    return { key: readBytes(buffer, value), comment: userdata ? readComment(readBytes(buffer, userdata)) : '' }
  }
  return undefined
}

/** One line for a person: what was refused, where, and why. */
export function refusalText(refusal: Refusal): string {
  const where = [refusal.family, refusal.table, refusal.object].filter((part) => part !== '').join(' ')
  const what = refusal.comment || refusal.key?.toString('hex') || ''
  const why = refusal.text === '' ? refusal.errno : `${refusal.errno}: ${refusal.text}`
  return `${refusal.operation} ${where}${what === '' ? '' : ` (${what})`}: ${why}`
}
