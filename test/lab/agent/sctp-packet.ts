import { crc32c } from './crc32c.ts'

/** Chunk types of RFC 9260 that the lab uses. */
export const INIT = 1
export const INIT_ACK = 2
export const ABORT = 6

const STATE_COOKIE = 7

/** An SCTP packet with one chunk, as far as an association's first two packets need it. */
export interface SctpPacket {
  sourcePort: number
  destinationPort: number
  verificationTag: number
  chunk: number
  /** INIT and INIT-ACK only: the tag the other side has to use from now on. */
  initiateTag: number
  /** INIT-ACK only: the state cookie. RFC 9260 leaves its content to the server; ours holds its answer. */
  cookie: string
}

/** Builds an INIT or INIT-ACK with its checksum. */
export function encodeSctp(packet: SctpPacket): Buffer {
  const cookie = Buffer.from(packet.cookie)
  const parameter = cookie.length === 0 ? 0 : 4 + cookie.length
  const data = Buffer.alloc(12 + 20 + Math.ceil(parameter / 4) * 4)
  data.writeUInt16BE(packet.sourcePort, 0)
  data.writeUInt16BE(packet.destinationPort, 2)
  data.writeUInt32BE(packet.verificationTag, 4)
  data.writeUInt8(packet.chunk, 12)
  data.writeUInt16BE(20 + parameter, 14)
  data.writeUInt32BE(packet.initiateTag, 16)
  data.writeUInt32BE(65536, 20) // receive window
  data.writeUInt16BE(1, 24) // outbound streams
  data.writeUInt16BE(1, 26) // inbound streams
  data.writeUInt32BE(1, 28) // first TSN
  if (parameter > 0) {
    data.writeUInt16BE(STATE_COOKIE, 32)
    data.writeUInt16BE(parameter, 34)
    cookie.copy(data, 36)
  }
  data.writeUInt32LE(crc32c(data), 8) // over the packet with a checksum of 0; the one little-endian field
  return data
}

/** Reads a packet's first chunk; undefined when it is none of ours or its checksum is wrong. */
export function decodeSctp(data: Buffer): SctpPacket | undefined {
  if (data.length < 16) return undefined
  const checked = Buffer.from(data)
  checked.writeUInt32LE(0, 8)
  if (crc32c(checked) !== data.readUInt32LE(8)) return undefined
  const chunk = data.readUInt8(12)
  const end = 12 + data.readUInt16BE(14)
  if (end > data.length || ((chunk === INIT || chunk === INIT_ACK) && end < 32)) return undefined
  return {
    sourcePort: data.readUInt16BE(0),
    destinationPort: data.readUInt16BE(2),
    verificationTag: data.readUInt32BE(4),
    chunk,
    initiateTag: end >= 32 ? data.readUInt32BE(16) : 0,
    cookie: chunk === INIT_ACK ? cookieOf(data.subarray(32, end)) : '',
  }
}

function cookieOf(parameters: Buffer): string {
  for (let at = 0; at + 4 <= parameters.length; ) {
    const length = parameters.readUInt16BE(at + 2)
    if (parameters.readUInt16BE(at) === STATE_COOKIE) return parameters.toString('utf8', at + 4, at + length)
    at += Math.max(4, Math.ceil(length / 4) * 4)
  }
  return ''
}
