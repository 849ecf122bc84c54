import { NLM_F } from '../../netlink/constants.ts'
import { NFT_MSG, NFTA_RULE, NFTA_SET, NFTA_SET_ELEM_LIST, NFTA_TABLE } from '../constants.ts'
import {
  type Envelope,
  encodeChain,
  encodeElements,
  encodeGeneration,
  encodeRule,
  encodeSet,
  encodeTable,
} from './encode.ts'
import { datagrams, encodeAnswer, encodeDone } from './replies.ts'
import { offsetOf, optionalText, Refused, type Request } from './request.ts'
import type { FakeElement, FakeStore, FakeTable } from './store.ts'

/** Bytes of a datagram of a dump, as the kernel has it for a reader with a large buffer. */
const DUMP_BYTES = 32436

/** The datagrams that answer a request outside of a batch. @throws Refused */
export function answerQuery(store: FakeStore, request: Request, generation: number, portId: number): Buffer[] {
  const { sequence, type, flags } = request.message
  const envelope: Envelope = { portId, sequence, flags: 0, generation }
  if (type !== NFT_MSG.GETGEN && (flags & NLM_F.DUMP) === NLM_F.DUMP) {
    const done = encodeDone(sequence, portId)
    const multi = { ...envelope, flags: NLM_F.MULTI }
    if (type === NFT_MSG.GETSETELEM) return [...elements(store, request, multi, done)]
    return [...datagrams(dumped(store, request, multi), DUMP_BYTES), done]
  }
  const reply = single(store, request, envelope)
  return flags & NLM_F.ACK ? [reply, encodeAnswer({ to: request.message, errno: 0 }, portId)] : [reply]
}

/** The kernel also gives single chains, sets and rules, which Sluice does not ask for. */
function single(store: FakeStore, request: Request, envelope: Envelope): Buffer {
  if (request.message.type === NFT_MSG.GETGEN) return encodeGeneration(envelope)
  if (request.message.type !== NFT_MSG.GETTABLE) throw new Refused('EINVAL')
  return encodeTable(envelope, required(store, request, NFTA_TABLE.NAME))
}

function dumped(store: FakeStore, request: Request, envelope: Envelope): Iterable<Buffer> {
  const tables = [...store.tables].filter(({ family }) => request.family === 0 || family === request.family)
  switch (request.message.type) {
    case NFT_MSG.GETTABLE:
      return tables.map((table) => encodeTable(envelope, table))
    case NFT_MSG.GETCHAIN:
      return tables.flatMap((table) => [...table.chains.values()].map((chain) => encodeChain(envelope, table, chain)))
    case NFT_MSG.GETRULE:
      return rules(named(tables, request, NFTA_RULE.TABLE), request, envelope)
    case NFT_MSG.GETSET: {
      const asked = request.body.has(NFTA_SET.TABLE) ? [required(store, request, NFTA_SET.TABLE)] : tables
      return asked.flatMap((table) => [...table.sets.values()].map((set) => encodeSet(envelope, table, set)))
    }
    default:
      throw new Refused('EINVAL')
  }
}

/** The kernel does not mind that there is no such table. */
function named(tables: readonly FakeTable[], request: Request, attribute: number): readonly FakeTable[] {
  const name = optionalText(request, attribute)
  return tables.filter((table) => name === undefined || table.name === name)
}

function* rules(tables: readonly FakeTable[], request: Request, envelope: Envelope): Generator<Buffer> {
  const only = optionalText(request, NFTA_RULE.CHAIN)
  for (const table of tables) {
    for (const chain of table.chains.values()) {
      if (only !== undefined && chain.name !== only) continue
      for (const rule of chain.rules) yield encodeRule(envelope, table, chain, rule)
    }
  }
}

/** Each datagram is one message. */
function* elements(store: FakeStore, request: Request, envelope: Envelope, done: Buffer): Generator<Buffer> {
  const table = required(store, request, NFTA_SET_ELEM_LIST.TABLE)
  const set = table.sets.get(optionalText(request, NFTA_SET_ELEM_LIST.SET) ?? '')
  if (set === undefined) throw new Refused('ENOENT', offsetOf(request, request.body.get(NFTA_SET_ELEM_LIST.SET)))
  let some: FakeElement[] = []
  let length = 0
  const room = DUMP_BYTES - encodeElements(envelope, table, set, []).length
  for (const element of set.elements.values()) {
    const bytes = 4 + element.attributes.length
    if (length + bytes > room) {
      yield encodeElements(envelope, table, set, some)
      some = []
      length = 0
    }
    some.push(element)
    length += bytes
  }
  if (some.length > 0) yield encodeElements(envelope, table, set, some)
  // The kernel ends with a message that has no elements.
  yield Buffer.concat([encodeElements(envelope, table, set, []), done])
}

function required(store: FakeStore, request: Request, attribute: number): FakeTable {
  const table = store.table(request.family, optionalText(request, attribute) ?? '')
  if (table === undefined) throw new Refused('ENOENT', offsetOf(request, request.body.get(attribute)))
  return table
}
