import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MessageWriter } from '../netlink/writer.ts'
import { COMMENT_MAX_BYTES, commentUserdata, readComment, shortenComment, writeComment } from './userdata.ts'

describe('shortenComment', () => {
  it('leaves 127 bytes as they are', () => {
    const text = 'x'.repeat(COMMENT_MAX_BYTES)
    expect(shortenComment(text)).toBe(text)
  })

  it('cuts 128 bytes visibly', () => {
    expect(shortenComment('x'.repeat(128))).toBe(`${'x'.repeat(124)}...`)
  })

  it.each([
    ['two bytes', 'é', 123],
    ['three bytes', '€', 122],
    ['three bytes, one of them in', '€', 123],
    ['four bytes', '😀', 121],
    ['four bytes, one of them in', '😀', 123],
  ])('does not cut a character of %s in two', (_, character, before) => {
    const text = shortenComment('x'.repeat(before) + character.repeat(10))
    expect(text).toBe(`${'x'.repeat(before)}...`)
  })

  it('keeps a character that just fits', () => {
    expect(shortenComment(`${'x'.repeat(120)}${'😀'.repeat(5)}`)).toBe(`${'x'.repeat(120)}😀...`)
  })

  it('replaces quotes, which nft cannot read back', () => {
    expect(shortenComment('say "hello"')).toBe("say 'hello'")
  })
})

describe('commentUserdata', () => {
  it('is what nft writes', () => {
    expect(commentUserdata('web')).toEqual(Buffer.from([0, 4, 0x77, 0x65, 0x62, 0]))
  })

  it('is read back as what was kept, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const clean = text.replaceAll('\0', '')
        const userdata = commentUserdata(clean)
        expect(userdata.length).toBeLessThanOrEqual(COMMENT_MAX_BYTES + 3)
        expect(readComment(userdata)).toBe(shortenComment(clean))
        expect(shortenComment(clean)).not.toContain('\ufffd')
        expect(shortenComment(shortenComment(clean))).toBe(shortenComment(clean))
      }),
    )
  })

  it('is found behind other entries', () => {
    expect(readComment(Buffer.from([5, 2, 1, 1, 0, 2, 0x61, 0]))).toBe('a')
    expect(readComment(Buffer.from([5, 2, 1, 1]))).toBe('')
    expect(readComment(Buffer.alloc(0))).toBe('')
  })
})

describe('writeComment', () => {
  it.each(['', 'web', 'caf\u00e9', 'say "hello"', 'x'.repeat(40), 'x'.repeat(200), `${'x'.repeat(30)}\u{1f600}`])(
    'writes the same as an attribute of commentUserdata: %s',
    (comment) => {
      const [direct, copied] = [new MessageWriter(), new MessageWriter()]
      for (const writer of [direct, copied]) writer.u32(1, 7)
      writeComment(direct, 2, comment)
      copied.bytesOf(2, commentUserdata(comment))
      expect(direct.bytes).toEqual(copied.bytes)
    },
  )
})
