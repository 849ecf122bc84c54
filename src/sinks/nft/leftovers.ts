import type { NftSet } from '../../kernel/nftables/types.ts'
import type { Verdict } from '../../kernel/nftables/verdict.ts'
import { ipFromBytes } from '../../model/ip.ts'
import type { PoolEndpoint, VirtualServer } from '../../virtual-server/virtual-server.ts'
import { ClassTable } from './classes.ts'
import { destinationBytes, numberBytes } from './elements.ts'
import { CLASS_BITS, type Layout } from './layout.ts'
import type { ReadBack } from './read-back.ts'
import type { Leftovers } from './render.ts'

/** Reads out of a table's elements which numbers an earlier run gave to pools and classes. */
export function leftoversOf(layout: Layout, { elements }: ReadBack): Leftovers {
  const { sets } = layout
  const of = (name: string) => elements.get(name)
  return {
    classes: classesOf(layout, { elements }),
    poolOf: (server: VirtualServer) => {
      const set = server.class === 'node-port' ? sets.nodePorts : sets.services
      const left = of(set.name)
      // The key need not be made for every destination of a node on which nothing is left.
      if (left === undefined || left.size === 0) return undefined
      const data = left.get(destinationBytes(server).toString('hex'))?.data
      return Buffer.isBuffer(data) && data.length === 4 ? data.readUInt32LE(0) >>> CLASS_BITS : undefined
    },
    wholePoolOf: (poolId: number) => {
      const data = of(sets.shortCircuits.name)?.get(numberBytes(poolId << CLASS_BITS).toString('hex'))?.data
      return Buffer.isBuffer(data) && data.length === 4 ? data.readUInt32LE(0) >>> CLASS_BITS : undefined
    },
    endpointsOf: slotsByPool(layout, { elements }),
  }
}

function classesOf({ sets }: Layout, { elements }: Pick<ReadBack, 'elements'>): ClassTable {
  const classes = new ClassTable()
  const verdictIn = (set: NftSet, key: string): Verdict | undefined => {
    const data = elements.get(set.name)?.get(key)?.data
    return Buffer.isBuffer(data) ? undefined : data
  }
  for (const [key, { key: bytes }] of elements.get(sets.classes.name) ?? []) {
    const [dispatch, pick] = [verdictIn(sets.classes, key), verdictIn(sets.picks, key)]
    if (dispatch === undefined || pick === undefined) continue
    const [allowed, post] = [verdictIn(sets.allowed, key), verdictIn(sets.postClasses, key)]
    classes.adopt(bytes.readUInt32LE(0), { dispatch, allowed, pick, post, input: verdictIn(sets.inputClasses, key) })
  }
  return classes
}

function slotsByPool({ sets }: Layout, { elements }: Pick<ReadBack, 'elements'>): (pool: number) => PoolEndpoint[] {
  const pools = new Map<number, { slot: number; endpoint: PoolEndpoint }[]>()
  for (const { key, data } of elements.get(sets.endpoints.name)?.values() ?? []) {
    if (!Buffer.isBuffer(data) || data.length < 8) continue
    const id = key.readUInt32LE(0) >>> CLASS_BITS
    const addressBytes = data.length - 4
    const endpoint = {
      address: ipFromBytes(data.subarray(0, addressBytes)),
      port: data.readUInt16BE(addressBytes),
      mayBeHere: false,
    }
    const slots = pools.get(id)
    if (slots === undefined) pools.set(id, [{ slot: key.readUInt32LE(4), endpoint }])
    else slots.push({ slot: key.readUInt32LE(4), endpoint })
  }
  return (pool) => (pools.get(pool) ?? []).sort((a, b) => a.slot - b.slot).map(({ endpoint }) => endpoint)
}
