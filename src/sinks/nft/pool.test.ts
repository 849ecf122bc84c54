import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ip } from '../../../test/fixtures/services.ts'
import type { PoolEndpoint } from '../../virtual-server/virtual-server.ts'
import { assignSlots, endpointKey, slotChanges } from './pool.ts'

function endpoint(number: number, mayBeHere = false): PoolEndpoint {
  return { address: ip(`10.0.0.${number}`), port: 80, mayBeHere }
}

const slotsOf = (endpoints: readonly PoolEndpoint[]) => endpoints.map(({ address }) => Number(address.split('.')[3]))
const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 20 })

describe('assignSlots', () => {
  it.each<[string, number[], number[], number[]]>([
    ['fills an empty pool in order', [], [1, 2, 3], [1, 2, 3]],
    ['keeps who stays where it is', [1, 2, 3], [3, 2, 1], [1, 2, 3]],
    ['puts the new one where one went', [1, 2, 3], [1, 3, 4], [1, 4, 3]],
    ['moves the last one into a gap', [1, 2, 3, 4], [2, 3, 4], [4, 2, 3]],
    ['only takes the last one away', [1, 2, 3], [1, 2], [1, 2]],
    ['appends', [1], [2, 1, 3], [1, 2, 3]],
    ['empties', [1, 2], [], []],
  ])('%s', (_, before, wanted, after) => {
    const slots = assignSlots(
      before.map((n) => endpoint(n)),
      wanted.map((n) => endpoint(n)),
    )
    expect(slotsOf(slots)).toEqual(after)
  })

  it('takes the new value of an endpoint that stays', () => {
    const slots = assignSlots([endpoint(1)], [endpoint(1, true)])
    expect(slots).toEqual([endpoint(1, true)])
    expect(slotChanges([endpoint(1)], slots)).toEqual([])
  })

  it('drops what an earlier run left twice', () => {
    const slots = assignSlots([endpoint(1), endpoint(1), endpoint(2)], [endpoint(1), endpoint(2)])
    expect(slotsOf(slots)).toEqual([1, 2])
  })

  it('gives exactly the wanted endpoints, and changes as few slots as can be', () => {
    fc.assert(
      fc.property(numbers, numbers, (before, wanted) => {
        const slotsBefore = before.map((n) => endpoint(n))
        const slots = assignSlots(
          slotsBefore,
          wanted.map((n) => endpoint(n)),
        )
        const changes = slotChanges(slotsBefore, slots)
        expect(slotsOf(slots).sort()).toEqual([...wanted].sort())
        // A slot that is still needed changes only when its endpoint goes, and those behind go anyway.
        const gone = before.slice(0, wanted.length).filter((n) => !wanted.includes(n)).length
        expect(changes).toHaveLength(gone + Math.abs(before.length - wanted.length))
        const applied = new Map(before.map((n, slot) => [slot, endpointKey(endpoint(n))]))
        for (const { slot, before: old, after } of changes) {
          expect(applied.get(slot)).toBe(old && endpointKey(old))
          if (after === undefined) applied.delete(slot)
          else applied.set(slot, endpointKey(after))
        }
        expect([...applied].sort(([a], [b]) => a - b)).toEqual(slots.map((e, slot) => [slot, endpointKey(e)]))
      }),
    )
  })
})
