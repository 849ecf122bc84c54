import { describe, expect, it } from 'vitest'
import { attributeMap, attributes, readBytes, readString } from './attributes.ts'
import { NLM_F } from './constants.ts'
import { messages } from './message.ts'
import { MessageWriter } from './writer.ts'

describe('MessageWriter', () => {
  it('writes what the readers read', () => {
    const writer = new MessageWriter(4)
    const first = writer.beginMessage(0xa00, NLM_F.REQUEST, 7)
    writer.raw(Uint8Array.of(2, 0, 0, 0))
    writer.string(1, 'sluice')
    const nested = writer.beginNested(2)
    writer.u32be(3, 0x01020304)
    writer.u32(4, 0x01020304)
    writer.u8(5, 9)
    writer.u64be(6, 5000n)
    writer.bytesOf(7, Uint8Array.of(1, 2, 3))
    writer.endNested(nested)
    writer.endMessage(first)
    writer.orFlags(first, NLM_F.ACK)
    writer.endMessage(writer.beginMessage(0x11, 0, 8))

    const [message, end, ...others] = [...messages(writer.bytes)]
    expect(others).toEqual([])
    expect(end).toMatchObject({ type: 0x11, sequence: 8 })
    expect(message).toMatchObject({ type: 0xa00, flags: NLM_F.REQUEST | NLM_F.ACK, sequence: 7, portId: 0 })
    const { buffer, start, end: behind } = message ?? expect.fail('no message')
    const outer = attributeMap(buffer, start + 4, behind)
    expect(readString(buffer, outer.get(1) ?? expect.fail())).toBe('sluice')
    const inside = outer.get(2) ?? expect.fail()
    const values = [...attributes(buffer, inside.start, inside.end)].map((attribute) => {
      return [attribute.type, readBytes(buffer, attribute).toString('hex')]
    })
    expect(values).toEqual([
      [3, '01020304'],
      [4, '04030201'],
      [5, '09'],
      [6, '0000000000001388'],
      [7, '010203'],
    ])
  })

  it('pads every attribute to four bytes with zeros', () => {
    const writer = new MessageWriter(64)
    writer.raw(Buffer.alloc(64, 0xff))
    writer.reset()
    writer.bytesOf(1, Uint8Array.of(1))
    writer.string(2, 'é')
    expect(writer.bytes.toString('hex')).toBe('050001000100000007000200c3a90000')
  })

  it('grows without losing what was written', () => {
    const writer = new MessageWriter(16)
    for (let i = 0; i < 1000; i++) writer.u32be(1, i)
    const read = [...attributes(writer.bytes, 0, writer.length)].map(({ start }) => writer.bytes.readUInt32BE(start))
    expect(read).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })

  it('writes numbers beyond 31 bits as unsigned', () => {
    const writer = new MessageWriter()
    writer.u32be(1, -3)
    writer.u32(1, 0xffffffff)
    expect(writer.bytes.toString('hex')).toBe('08000100fffffffd08000100ffffffff')
  })
})
