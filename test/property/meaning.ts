import type { NftablesConnection } from '../../src/kernel/nftables/connection.ts'
import type { ReadElement } from '../../src/kernel/nftables/decode.ts'
import { formatVerdict } from '../../src/kernel/nftables/verdict.ts'
import { type Family, ipBytes, ipFromBytes } from '../../src/model/ip.ts'
import { setsOf } from '../../src/sinks/nft/apply.ts'
import { buildLayout } from '../../src/sinks/nft/layout.ts'
import { readBack } from '../../src/sinks/nft/read-back.ts'
import { ip } from '../fixtures/services.ts'
import type { Outcome, Packet } from './oracle.ts'

/** What is done with connections to a pool. */
export interface Choice {
  /** The class's verdicts by the map that has them; '' where it has none. */
  readonly verdicts: Readonly<Record<(typeof VERDICT_MAPS)[number], string>>
  /** `ADDRESS PORT`, sorted. */
  readonly endpoints: readonly string[]
  /** Destinations that share its pool: clients keep their endpoint for all of them. */
  readonly sharedBy: readonly string[]
}

export interface Destination extends Choice {
  readonly comment: string
  /** For clients on this node; undefined when they are treated like others. */
  readonly shortCircuit: Choice | undefined
  /** `FIRST-LAST` in hex, sorted. */
  readonly ranges: readonly string[]
}

/** What a family's table does, without the numbers that happen to stand for pools and classes, and without any order. */
export interface Meaning {
  /** By `ADDRESS PROTOCOL PORT`, or `node-port PROTOCOL PORT`. */
  readonly destinations: ReadonlyMap<string, Destination>
  /** Keys in hex of the sets that hold nothing else, sorted. */
  readonly members: Readonly<Record<(typeof PLAIN_SETS)[number], readonly string[]>>
}

/** Those of both families. */
export type Meanings = Readonly<Record<4 | 6, Meaning>>

const VERDICT_MAPS = ['classes', 'allowed', 'picks', 'post-classes', 'input-classes'] as const
const PLAIN_SETS = ['cluster-ips', 'node-ips', 'pod-cidrs', 'hairpin'] as const
const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'TCP', 17: 'UDP', 132: 'SCTP' }
const CLASS = 0xfff

type Content = ReadonlyMap<string, ReadonlyMap<string, ReadElement>>

/**
 * Reads the tables and says what they do.
 *
 * @throws Error when one holds what nobody leads to, or leads to what it does not hold.
 */
export async function readMeanings(connection: NftablesConnection): Promise<Meanings> {
  return { 4: await readMeaning(connection, 4), 6: await readMeaning(connection, 6) }
}

async function readMeaning(connection: NftablesConnection, family: Family): Promise<Meaning> {
  const { table, ...layout } = buildLayout(family, { detector: 'address', dropInvalid: true })
  const { elements } = await readBack(connection, table, setsOf({ table, ...layout }))
  return meaningOf(elements)
}

function meaningOf(content: Content): Meaning {
  const of = (set: string) => [...(content.get(set)?.values() ?? [])]
  const pools = poolsIn(of('endpoints'))
  const values = new Map<string, { value: number; comment: string }>()
  for (const set of ['services', 'node-ports']) {
    for (const { key, data, comment } of of(set)) values.set(destinationName(key), { value: numberIn(data), comment })
  }
  const wholes = new Map(of('short-circuits').map(({ key, data }) => [key.readUInt32LE(), numberIn(data)]))
  const ranges = rangesIn(of('source-ranges'))
  const sharers = new Map<number, string[]>()
  const share = (value: number, name: string) => {
    const pool = poolIn(value)
    if (pool !== 0) sharers.set(pool, [...(sharers.get(pool) ?? []), name].sort())
  }
  const usedWholes = new Set<number>()
  for (const [name, { value }] of values) {
    share(value, name)
    const whole = isShortCircuited(content, value) ? wholes.get(poolIn(value)) : undefined
    if (whole === undefined) continue
    usedWholes.add(poolIn(value))
    share(whole, `${name}, here`)
  }
  const choice = (value: number): Choice => ({
    verdicts: verdictsIn(content, value),
    endpoints: [...(pools.get(poolIn(value)) ?? [])].sort(),
    sharedBy: sharers.get(poolIn(value)) ?? [],
  })
  const destinations = new Map<string, Destination>()
  for (const [name, { value, comment }] of [...values].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const whole = isShortCircuited(content, value) ? wholes.get(poolIn(value)) : undefined
    destinations.set(name, {
      ...choice(value),
      comment,
      shortCircuit: whole === undefined ? undefined : choice(whole),
      ranges: (ranges.get(name) ?? []).sort(),
    })
  }
  for (const pool of pools.keys()) if (!sharers.has(pool)) throw new Error(`nobody leads to pool ${pool}`)
  for (const pool of wholes.keys())
    if (!usedWholes.has(pool)) throw new Error(`nobody leaves pool ${pool} for the whole`)
  for (const name of ranges.keys()) if (!values.has(name)) throw new Error(`ranges for ${name}, which is not served`)

  const keysOf = (set: string) => [...(content.get(set)?.keys() ?? [])].sort()
  return { destinations, members: recordOf(PLAIN_SETS, keysOf) }
}

function recordOf<K extends string, T>(keys: readonly K[], valueOf: (key: K) => T): Record<K, T> {
  return Object.fromEntries(keys.map((key) => [key, valueOf(key)])) as Record<K, T>
}

function poolIn(value: number): number {
  return (value & ~CLASS) >>> 0
}

function numberIn(data: ReadElement['data']): number {
  if (!Buffer.isBuffer(data)) throw new Error('a number was expected')
  return data.readUInt32LE()
}

function verdictsIn(content: Content, value: number): Choice['verdicts'] {
  const key = Buffer.alloc(4)
  key.writeUInt32LE(value & CLASS)
  return recordOf(VERDICT_MAPS, (map) => {
    const data = content.get(map)?.get(key.toString('hex'))?.data
    return data === undefined || Buffer.isBuffer(data) ? '' : formatVerdict(data)
  })
}

function isShortCircuited(content: Content, value: number): boolean {
  const { classes, allowed } = verdictsIn(content, value)
  return [classes, allowed].includes('goto short-circuit')
}

/** `ADDRESS PORT` of a pool's endpoints in the order of the slots. */
function poolsIn(elements: readonly ReadElement[]): Map<number, string[]> {
  const pools = new Map<number, string[]>()
  for (const { key, data } of elements) {
    if (!Buffer.isBuffer(data)) throw new Error('an endpoint was expected')
    const pool = key.readUInt32LE()
    const slots = pools.get(pool) ?? []
    slots[key.readUInt32LE(4)] = `${ipFromBytes(data.subarray(0, -4))} ${data.readUInt16BE(data.length - 4)}`
    pools.set(pool, slots)
  }
  for (const [pool, slots] of pools) {
    if (slots.includes(undefined as unknown as string)) throw new Error(`pool ${pool} has empty slots`)
    if (new Set(slots).size < slots.length) throw new Error(`pool ${pool} has an endpoint twice`)
  }
  return pools
}

function rangesIn(elements: readonly ReadElement[]): Map<string, string[]> {
  const ranges = new Map<string, string[]>()
  for (const { key, keyEnd = key } of elements) {
    // The last part is the source; the destination is in front of it.
    const addressBytes = (key.length - 8) / 2
    const name = destinationName(key.subarray(0, -addressBytes))
    const range = `${key.subarray(-addressBytes).toString('hex')}-${keyEnd.subarray(-addressBytes).toString('hex')}`
    ranges.set(name, [...(ranges.get(name) ?? []), range])
  }
  return ranges
}

function destinationName(key: Buffer): string {
  const address = key.length === 8 ? 'node-port' : ipFromBytes(key.subarray(0, -8))
  return `${address} ${PROTOCOLS[key[key.length - 8] ?? 0]} ${key.readUInt16BE(key.length - 4)}`
}

/** What a table does with a packet: follows the verdicts as the rules do. */
export function outcomeIn(meaning: Meaning, packet: Packet, detectsPods: boolean): Outcome {
  const { address, client } = packet
  const found = meaning.destinations.get(`${address ?? 'node-port'} ${packet.protocol} ${packet.port}`)
  if (found === undefined) {
    const isActive = address !== undefined && meaning.members['cluster-ips'].includes(hexOf(address))
    return isActive ? 'reject' : 'untouched'
  }
  let verdict = found.verdicts.classes
  if (verdict === 'goto source-ranges') {
    const hex = hexOf(client.address)
    const isAllowed = found.ranges.some((range) => {
      const [first = '', last = ''] = range.split('-')
      return first <= hex && hex <= last
    })
    if (!isAllowed) return 'drop'
    verdict = found.verdicts.allowed
  }
  let choice: Choice = found
  if (verdict === 'goto short-circuit') {
    const isHere = client.kind === 'node' || (client.kind === 'pod' && detectsPods)
    if (isHere) {
      if (found.shortCircuit === undefined) return 'reject'
      choice = found.shortCircuit
    }
    verdict = choice.verdicts.picks
  }
  if (verdict === 'goto no-endpoints') return 'reject'
  if (verdict === 'goto drop-connection') return 'drop'
  const [, slots] = /^goto (?:pick|affinity)-(\d+)$/.exec(verdict) ?? []
  if (slots === undefined) throw new Error(`a verdict that leads nowhere: ${verdict}`)
  // Up to this many every slot is drawn; beyond it a few may be empty.
  const [count, most] = [choice.endpoints.length, Number(slots)]
  if (count > most || (most <= 32 ? count !== most : count < most * 0.9)) {
    throw new Error(`${count} endpoints in ${most} slots`)
  }
  return choice.endpoints
}

function hexOf(address: string): string {
  return Buffer.from(ipBytes(ip(address))).toString('hex')
}
