import { NFNL_SUBSYS_NFTABLES, NFT_MSG, NFTA_CHAIN, NFTA_RULE, NFTA_SET } from '../constants.ts'
import { deleteElements, newElements } from './apply-element.ts'
import { deleteRule, newRule } from './apply-rule.ts'
import { deleteChain, deleteSet, deleteTable, newChain, newSet, newTable } from './apply-structure.ts'
import { type Attempt, placeOf } from './changes.ts'
import { offsetOf, optionalText, Refused, type Request } from './request.ts'

/** The table's name is the first attribute of every message (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE ...). */
const TABLE_ATTRIBUTE = 1

interface Handler {
  readonly name: string
  readonly apply: (attempt: Attempt, request: Request) => void
  /** Attribute that names the chain or set; 0 when the table is meant. Undefined when elements are asked for one by one. */
  readonly object?: number
}

const HANDLERS: ReadonlyMap<number, Handler> = new Map([
  [NFT_MSG.NEWTABLE, { name: 'add table', apply: newTable, object: 0 }],
  [NFT_MSG.DELTABLE, { name: 'delete table', apply: deleteTable, object: 0 }],
  [NFT_MSG.NEWCHAIN, { name: 'add chain', apply: newChain, object: NFTA_CHAIN.NAME }],
  [NFT_MSG.DELCHAIN, { name: 'delete chain', apply: deleteChain, object: NFTA_CHAIN.NAME }],
  [NFT_MSG.NEWRULE, { name: 'add rule', apply: newRule, object: NFTA_RULE.CHAIN }],
  [NFT_MSG.DELRULE, { name: 'delete rule', apply: deleteRule, object: NFTA_RULE.CHAIN }],
  [NFT_MSG.NEWSET, { name: 'add set', apply: newSet, object: NFTA_SET.NAME }],
  [NFT_MSG.DELSET, { name: 'delete set', apply: deleteSet, object: NFTA_SET.NAME }],
  [NFT_MSG.NEWSETELEM, { name: 'add element', apply: newElements }],
  [NFT_MSG.DELSETELEM, { name: 'delete element', apply: deleteElements }],
])

/** Carries out one message of a batch. @throws Refused */
export function applyRequest(attempt: Attempt, request: Request): void {
  const handler = HANDLERS.get(request.message.type)
  if (handler === undefined || request.message.type >> 8 !== NFNL_SUBSYS_NFTABLES) throw new Refused('EINVAL')
  if (handler.object !== undefined) {
    const name = optionalText(request, TABLE_ATTRIBUTE) ?? ''
    const object = handler.object === 0 ? '' : (optionalText(request, handler.object) ?? '')
    const operation = { operation: handler.name, ...placeOf({ family: request.family, name }), object, key: undefined }
    attempt.check(operation, offsetOf(request, request.body.get(handler.object || TABLE_ATTRIBUTE)))
  }
  handler.apply(attempt, request)
}
