import { describe, expect, it } from 'vitest'
import { EXACT_UP_TO, fallbackSlots, isExact, slotCount } from './slots.ts'

const ALL = Array.from({ length: 65_536 }, (_, i) => i + 1)

describe('slotCount', () => {
  it.each([
    [0, 0],
    [1, 1],
    [32, 32],
    [33, 34],
    [41, 42],
    [64, 64],
    [65, 68],
    [1000, 1024],
    [65_536, 65_536],
  ])('%i endpoints have %i slots', (endpoints, slots) => {
    expect(slotCount(endpoints)).toBe(slots)
  })

  it('has at most 208 values up to 65,536 endpoints', () => {
    expect(new Set(ALL.map(slotCount)).size).toBeLessThanOrEqual(208)
  })

  it('is at least the number of endpoints, and less than 1/16 more', () => {
    const wrong = ALL.filter((n) => slotCount(n) < n || (slotCount(n) - n) * 16 >= n)
    expect(wrong).toEqual([])
  })

  it('never falls', () => {
    expect(ALL.filter((n) => slotCount(n) < slotCount(n - 1))).toEqual([])
  })

  it('leaves no slot empty where the chain does not draw again', () => {
    expect(ALL.filter((n) => isExact(slotCount(n)) && slotCount(n) !== n)).toEqual([])
  })
})

describe('fallbackSlots', () => {
  it('is less than the endpoints of every pool of that count, so that each of these slots is filled', () => {
    const large = ALL.filter((n) => n > EXACT_UP_TO)
    expect(large.filter((n) => fallbackSlots(slotCount(n)) >= n || fallbackSlots(slotCount(n)) < 1)).toEqual([])
  })
})
