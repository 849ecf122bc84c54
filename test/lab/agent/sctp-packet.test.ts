import { describe, expect, it } from 'vitest'
import { crc32c } from './crc32c.ts'
import { decodeSctp, encodeSctp, INIT_ACK } from './sctp-packet.ts'

describe('crc32c', () => {
  it('gives the check value of the Castagnoli polynomial', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  })
})

describe('SCTP packets', () => {
  const packet = {
    sourcePort: 80,
    destinationPort: 4000,
    verificationTag: 0xfedcba98,
    chunk: INIT_ACK,
    initiateTag: 0x89abcdef,
    cookie: '{"name":"pod"}',
  }

  it('come out as they went in', () => {
    expect(decodeSctp(encodeSctp(packet))).toEqual(packet)
  })

  it('are dropped when a bit is wrong', () => {
    const data = encodeSctp(packet)
    data[40] = (data[40] ?? 0) ^ 1
    expect(decodeSctp(data)).toBeUndefined()
  })
})
