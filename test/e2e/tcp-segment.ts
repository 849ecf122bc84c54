/** Flags of a TCP header (RFC 9293, 3.1). */
export const FLAG = { rst: 4, psh: 8, ack: 16 } as const

const HEADER_BYTES = 20
const IPPROTO_TCP = 6

/** A TCP segment without options. */
export interface TcpSegment {
  readonly sourcePort: number
  readonly destinationPort: number
  /** Sequence number of the first byte of the payload, 32 bits. */
  readonly sequence: number
  /** Sequence number that is expected next from the other side, 32 bits. */
  readonly acknowledgement: number
  readonly flags: number
  readonly payload: Buffer
}

/** Reads a segment and leaves its options out; undefined when it is too short to be one. */
export function decodeTcp(data: Buffer): TcpSegment | undefined {
  if (data.length < HEADER_BYTES) return undefined
  return {
    sourcePort: data.readUInt16BE(0),
    destinationPort: data.readUInt16BE(2),
    sequence: data.readUInt32BE(4),
    acknowledgement: data.readUInt32BE(8),
    flags: data.readUInt8(13),
    payload: data.subarray((data.readUInt8(12) >> 4) * 4),
  }
}

/** Builds a segment that goes from one IPv4 address to another one, with its checksum. */
export function encodeTcp(segment: TcpSegment, source: string, destination: string): Buffer {
  const data = Buffer.concat([Buffer.alloc(HEADER_BYTES), segment.payload])
  data.writeUInt16BE(segment.sourcePort, 0)
  data.writeUInt16BE(segment.destinationPort, 2)
  data.writeUInt32BE(segment.sequence, 4)
  data.writeUInt32BE(segment.acknowledgement, 8)
  data.writeUInt8((HEADER_BYTES / 4) << 4, 12)
  data.writeUInt8(segment.flags, 13)
  data.writeUInt16BE(65535, 14) // window
  data.writeUInt16BE(checksum(Buffer.concat([pseudoHeader(source, destination, data.length), data])), 16)
  return data
}

function pseudoHeader(source: string, destination: string, length: number): Buffer {
  const addresses = [source, destination].flatMap((address) => address.split('.').map(Number))
  return Buffer.from([...addresses, 0, IPPROTO_TCP, length >> 8, length & 255])
}

/** The internet checksum (RFC 1071). */
function checksum(data: Buffer): number {
  let sum = 0
  for (let i = 0; i < data.length; i += 2) sum += data.readUInt8(i) * 256 + (data[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
