/** The nft datatypes that Sluice's sets are declared with. */
export type DataTypeName =
  | 'ipv4_addr'
  | 'ipv6_addr'
  | 'inet_proto'
  | 'inet_service'
  | 'classid'
  | 'integer'
  | 'fib_addrtype'

export interface DataType {
  readonly name: DataTypeName
  /** nft's own number for it (nftables datatype.h, enum datatypes); informational to the kernel. */
  readonly id: number
  /** Bytes of a value; in a concatenation each is padded to 4. */
  readonly bytes: number
  /** Host-order values are compared as the CPU has them; network-order ones as on the wire. */
  readonly order: 'host' | 'network'
  /** The value as nft writes it. */
  readonly format: (value: Buffer) => string
}

/** The address is one of the host's own. */
export const RTN_LOCAL = 2

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [58, 'ipv6-icmp'],
  [132, 'sctp'],
])

export const DATA_TYPES: { readonly [name in DataTypeName]: DataType } = {
  ipv4_addr: { name: 'ipv4_addr', id: 7, bytes: 4, order: 'network', format: (v) => v.join('.') },
  ipv6_addr: { name: 'ipv6_addr', id: 8, bytes: 16, order: 'network', format: formatIpv6 },
  inet_proto: {
    name: 'inet_proto',
    id: 12,
    bytes: 1,
    order: 'host',
    format: (v) => PROTOCOLS.get(v[0] ?? 0) ?? String(v[0]),
  },
  inet_service: { name: 'inet_service', id: 13, bytes: 2, order: 'network', format: (v) => String(v.readUInt16BE(0)) },
  classid: { name: 'classid', id: 23, bytes: 4, order: 'host', format: (v) => formatClassid(v.readUInt32LE(0)) },
  fib_addrtype: { name: 'fib_addrtype', id: 42, bytes: 4, order: 'host', format: (v) => formatAddressType(v) },
  integer: { name: 'integer', id: 4, bytes: 4, order: 'host', format: (v) => String(v.readUInt32LE(0)) },
}

/** RTN_* of linux/rtnetlink.h. */
function formatAddressType(value: Buffer): string {
  const number = value.readUInt32LE(0)
  return number === RTN_LOCAL ? 'local' : String(number)
}

/** `major:minor` in hex as nft prints skb priorities; `none` for 0 and `root` for all ones. */
export function formatClassid(value: number): string {
  const unsigned = value >>> 0
  if (unsigned === 0) return 'none'
  if (unsigned === 0xffffffff) return 'root'
  return `${(unsigned >>> 16).toString(16)}:${(unsigned & 0xffff).toString(16)}`
}

/** RFC 5952 text of 16 bytes. */
export function formatIpv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i))
  let [bestStart, bestLength] = [-1, 1]
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && groups[i + length] === 0) length++
    if (length > bestLength) [bestStart, bestLength] = [i, length]
  }
  const hex = groups.map((group) => group.toString(16))
  if (bestStart < 0) return hex.join(':')
  return `${hex.slice(0, bestStart).join(':')}::${hex.slice(bestStart + bestLength).join(':')}`
}

/** Bytes of a concatenation: each part padded to 4. A single part is not padded. */
export function concatBytes(types: readonly DataType[]): number {
  if (types.length === 1) return types[0]?.bytes ?? 0
  return types.reduce((sum, type) => sum + ((type.bytes + 3) & ~3), 0)
}

/** The parts of a concatenation as nft writes them, joined by ` . `. */
export function formatConcat(types: readonly DataType[], value: Buffer): string {
  let at = 0
  const parts: string[] = []
  for (const type of types) {
    parts.push(type.format(value.subarray(at, at + type.bytes)))
    at += (type.bytes + 3) & ~3
  }
  return parts.join(' . ')
}
