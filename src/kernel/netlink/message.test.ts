import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NLM_F, NLMSG } from './constants.ts'
import { type Message, messages, readAcknowledgement } from './message.ts'
import { MessageWriter } from './writer.ts'

function only(bytes: Buffer): Message {
  const [message, ...others] = [...messages(bytes)]
  expect(others).toEqual([])
  return message ?? expect.fail('no message')
}

/** struct nlmsgerr, and what follows it. */
function error(errno: number, flags: number, quoted: Buffer, extended: (writer: MessageWriter) => void): Buffer {
  const writer = new MessageWriter()
  const start = writer.beginMessage(NLMSG.ERROR, flags, 5)
  const code = Buffer.alloc(4)
  code.writeInt32LE(-errno)
  writer.raw(Buffer.concat([code, quoted]))
  extended(writer)
  writer.endMessage(start)
  return writer.bytes
}

/** The header of the failed message, which says that it was 40 bytes long. */
const header = Buffer.from('28000000000a0500030000000000000', 'hex').subarray(0, 15)
const quotedHeader = Buffer.concat([header, Buffer.alloc(1)])

describe('messages', () => {
  it('stops at a message that is longer than the datagram', () => {
    const writer = new MessageWriter()
    writer.endMessage(writer.beginMessage(1, 0, 1))
    const cut = Buffer.concat([writer.bytes, Buffer.from('20000000', 'hex'), Buffer.alloc(12)])
    expect([...messages(cut)]).toHaveLength(1)
  })

  it('never leaves the datagram, whatever is in it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const { start, end } of messages(Buffer.from(bytes))) {
          expect(start).toBeLessThanOrEqual(end)
          expect(end).toBeLessThanOrEqual(bytes.length)
        }
      }),
    )
  })
})

describe('readAcknowledgement', () => {
  it('reads a success', () => {
    const bytes = error(0, NLM_F.CAPPED, quotedHeader, () => {})
    expect(readAcknowledgement(only(bytes))).toEqual({ sequence: 5, errno: 0, text: '', offset: 0 })
  })

  it('reads the offset and the text behind a header that is quoted alone', () => {
    const bytes = error(17, NLM_F.CAPPED | NLM_F.ACK_TLVS, quotedHeader, (writer) => {
      writer.string(1, 'is there already')
      writer.u32(2, 68)
    })
    expect(readAcknowledgement(only(bytes))).toEqual({ sequence: 5, errno: 17, text: 'is there already', offset: 68 })
  })

  it('reads them behind a message that is quoted whole', () => {
    const whole = Buffer.concat([quotedHeader, Buffer.alloc(24, 0xff)])
    const bytes = error(2, NLM_F.ACK_TLVS, whole, (writer) => writer.u32(2, 28))
    expect(readAcknowledgement(only(bytes))).toEqual({ sequence: 5, errno: 2, text: '', offset: 28 })
  })
})
