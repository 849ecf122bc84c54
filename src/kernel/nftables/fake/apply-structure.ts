import { attributeMap } from '../../netlink/attributes.ts'
import { NLM_F } from '../../netlink/constants.ts'
import { NFT_SET, NFTA_CHAIN, NFTA_HOOK, NFTA_SET, NFTA_TABLE } from '../constants.ts'
import { readChain, readSet } from '../decode.ts'
import type { Attempt } from './changes.ts'
import { deleteRules, dropSet } from './release.ts'
import { offsetOf, optionalText, Refused, type Request, requiredText } from './request.ts'
import type { FakeBase, FakeChain, FakeSet, FakeTable } from './store.ts'

/** The table that a message names. @throws Refused ENOENT */
export function tableOf({ store }: Attempt, request: Request, attribute: number): FakeTable {
  const table = store.table(request.family, requiredText(request, attribute))
  if (table === undefined) throw new Refused('ENOENT', offsetOf(request, request.body.get(attribute)))
  return table
}

export function newTable({ store, changes }: Attempt, request: Request): void {
  const name = requiredText(request, NFTA_TABLE.NAME)
  const flagsAt = request.body.get(NFTA_TABLE.FLAGS)
  const flags = flagsAt === undefined ? 0 : request.message.buffer.readUInt32BE(flagsAt.start)
  if (store.table(request.family, name) !== undefined) {
    if (request.message.flags & NLM_F.EXCL)
      throw new Refused('EEXIST', offsetOf(request, request.body.get(NFTA_TABLE.NAME)))
    return
  }
  const table: FakeTable = {
    family: request.family,
    name,
    handle: store.nextHandle(),
    flags,
    chains: new Map(),
    sets: new Map(),
  }
  store.addTable(table)
  changes.push({ what: 'table', isNew: true, table })
}

/** Without a name it means every table of the family, or of all families. */
export function deleteTable(attempt: Attempt, request: Request): void {
  if (request.body.has(NFTA_TABLE.NAME)) return dropTable(attempt, tableOf(attempt, request, NFTA_TABLE.NAME))
  for (const table of [...attempt.store.tables]) {
    if (request.family === 0 || request.family === table.family) dropTable(attempt, table)
  }
}

function dropTable(attempt: Attempt, table: FakeTable): void {
  const { store, changes } = attempt
  for (const chain of table.chains.values()) deleteRules(attempt, table, chain, chain.rules)
  for (const set of [...table.sets.values()]) dropSet(attempt, table, set)
  for (const chain of [...table.chains.values()]) dropChain(attempt, table, chain)
  store.removeTable(table)
  changes.push({ what: 'table', isNew: false, table })
}

export function newChain(attempt: Attempt, request: Request): void {
  const table = tableOf(attempt, request, NFTA_CHAIN.TABLE)
  const name = requiredText(request, NFTA_CHAIN.NAME)
  const base = readBase(request)
  const known = table.chains.get(name)
  if (known !== undefined) {
    if (request.message.flags & NLM_F.EXCL)
      throw new Refused('EEXIST', offsetOf(request, request.body.get(NFTA_CHAIN.NAME)))
    if (base !== undefined) sameBase(request, base, known)
    attempt.changes.push({ what: 'chain', isNew: true, table, chain: known })
    return
  }
  const chain: FakeChain = { name, handle: attempt.store.nextHandle(), base, rules: [], uses: 0 }
  attempt.store.put(table.chains, name, chain)
  attempt.changes.push({ what: 'chain', isNew: true, table, chain })
}

function readBase(request: Request): FakeBase | undefined {
  const hook = request.body.get(NFTA_CHAIN.HOOK)
  if (hook === undefined) return undefined
  const parts = attributeMap(request.message.buffer, hook.start, hook.end)
  if (!parts.has(NFTA_HOOK.HOOKNUM) || !parts.has(NFTA_HOOK.PRIORITY)) throw new Refused('ENOENT')
  const { base } = readChain(request.message)
  return base && { ...base, type: base.type || 'filter' }
}

/** A chain's hook cannot be changed (nf_tables_newchain, nf_tables_updchain). */
function sameBase(request: Request, base: FakeBase, { base: known }: FakeChain): void {
  const policy = request.body.get(NFTA_CHAIN.POLICY)
  if (known === undefined && policy !== undefined) throw new Refused('EOPNOTSUPP', offsetOf(request, policy))
  if (known?.type !== base.type) throw new Refused('EEXIST', offsetOf(request, request.body.get(NFTA_CHAIN.NAME)))
  if (known.hooknum !== base.hooknum || known.priority !== base.priority) throw new Refused('EOPNOTSUPP')
}

export function deleteChain(attempt: Attempt, request: Request): void {
  const table = tableOf(attempt, request, NFTA_CHAIN.TABLE)
  const chain = table.chains.get(requiredText(request, NFTA_CHAIN.NAME))
  const offset = offsetOf(request, request.body.get(NFTA_CHAIN.NAME))
  if (chain === undefined) throw new Refused('ENOENT', offset)
  deleteRules(attempt, table, chain, chain.rules)
  if (chain.uses > 0) throw new Refused('EBUSY', offset)
  dropChain(attempt, table, chain)
}

function dropChain({ store, changes }: Attempt, table: FakeTable, chain: FakeChain): void {
  store.take(table.chains, chain.name)
  changes.push({ what: 'chain', isNew: false, table, chain })
}

export function newSet(attempt: Attempt, request: Request): void {
  const table = tableOf(attempt, request, NFTA_SET.TABLE)
  const shape = readSet(request.message)
  if (!request.body.has(NFTA_SET.NAME) || shape.keyBytes === 0 || !request.body.has(NFTA_SET.ID))
    throw new Refused('EINVAL')
  if (((shape.flags & NFT_SET.MAP) !== 0) !== request.body.has(NFTA_SET.DATA_TYPE)) throw new Refused('EINVAL')
  const id = request.body.get(NFTA_SET.ID)
  const number = id === undefined ? 0 : request.message.buffer.readUInt32BE(id.start)
  const name = shape.name.includes('%d') ? freeName(table, shape.name) : shape.name
  const known = table.sets.get(name)
  if (known !== undefined) {
    if (request.message.flags & NLM_F.EXCL || !isSame(known, shape)) {
      throw new Refused('EEXIST', offsetOf(request, request.body.get(NFTA_SET.NAME)))
    }
    attempt.changes.push({ what: 'set', isNew: true, table, set: known })
    return
  }
  const { keyType, keyBytes, dataType, dataBytes, flags, size, timeoutMs, userdata } = shape
  const declared = { keyType, keyBytes, dataType, dataBytes, flags, size, timeoutMs, userdata, fieldBytes: [] }
  const set: FakeSet = { ...declared, name, handle: attempt.store.nextHandle(), elements: new Map(), uses: 0 }
  attempt.store.put(table.sets, name, set)
  attempt.sets.set(number, set)
  attempt.changes.push({ what: 'set', isNew: true, table, set })
}

/** nft_set_is_same: the size and the user data do not matter. */
function isSame(a: FakeSet, b: Omit<FakeSet, 'elements' | 'uses' | 'handle'>): boolean {
  return (['flags', 'keyType', 'keyBytes', 'dataType', 'dataBytes'] as const).every((part) => a[part] === b[part])
}

function freeName(table: FakeTable, pattern: string): string {
  for (let number = 0; ; number++) {
    const name = pattern.replace('%d', String(number))
    if (!table.sets.has(name)) return name
  }
}

export function deleteSet(attempt: Attempt, request: Request): void {
  const table = tableOf(attempt, request, NFTA_SET.TABLE)
  const name = optionalText(request, NFTA_SET.NAME)
  if (name === undefined) throw new Refused('EINVAL')
  const set = table.sets.get(name)
  const offset = offsetOf(request, request.body.get(NFTA_SET.NAME))
  if (set === undefined) throw new Refused('ENOENT', offset)
  if (set.uses > 0) throw new Refused('EBUSY', offset)
  dropSet(attempt, table, set)
}
