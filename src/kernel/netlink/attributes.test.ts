import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { align, attributeMap, attributes, readString } from './attributes.ts'

describe('attributes', () => {
  it('stops at an attribute that is longer than what is there', () => {
    const buffer = Buffer.from('0500010001000000ff000200', 'hex')
    expect([...attributes(buffer, 0, buffer.length)]).toEqual([{ type: 1, start: 4, end: 5 }])
  })

  it('stops at an attribute that is shorter than its header', () => {
    const buffer = Buffer.from('0300010000000000', 'hex')
    expect([...attributes(buffer, 0, buffer.length)]).toEqual([])
  })

  it('leaves the flags out of the type', () => {
    const buffer = Buffer.from('04000180040002c0', 'hex')
    expect([...attributes(buffer, 0, buffer.length)].map(({ type }) => type)).toEqual([1, 2])
  })

  it('keeps the last of several with one type', () => {
    const buffer = Buffer.from('05000100010000000500010002000000', 'hex')
    expect(buffer[attributeMap(buffer, 0, buffer.length).get(1)?.start ?? 0]).toBe(2)
  })

  it('reads text with and without a terminating NUL', () => {
    const buffer = Buffer.from('ab\0')
    expect(readString(buffer, { type: 1, start: 0, end: 3 })).toBe('ab')
    expect(readString(buffer, { type: 1, start: 0, end: 2 })).toBe('ab')
  })

  it('never leaves the buffer, whatever is in it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const buffer = Buffer.from(bytes)
        for (const { start, end } of attributes(buffer, 0, buffer.length)) {
          expect(start).toBeLessThanOrEqual(end)
          expect(end).toBeLessThanOrEqual(buffer.length)
        }
      }),
    )
  })
})

describe('align', () => {
  it.each([
    [0, 0],
    [1, 4],
    [4, 4],
    [5, 8],
  ])('%i -> %i', (length, aligned) => {
    expect(align(length)).toBe(aligned)
  })
})
