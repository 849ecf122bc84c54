import { keyBefore } from '../../kernel/nftables/interval.ts'
import type { Element, NftSet } from '../../kernel/nftables/types.ts'
import type { Verdict } from '../../kernel/nftables/verdict.ts'
import { type Cidr, type Family, familyOf, type IpAddress, ipBytes, parseIp, writeIp } from '../../model/ip.ts'
import type { Protocol } from '../../model/service.ts'
import type { PoolEndpoint, VirtualServer } from '../../virtual-server/virtual-server.ts'

/** An element together with the set that it belongs to. */
export interface SetElement extends Element {
  readonly set: NftSet
}

/** IP protocol numbers (IANA). */
const PROTOCOL_NUMBER: { readonly [protocol in Protocol]: number } = { TCP: 6, UDP: 17, SCTP: 132 }

/** Bytes of {@link destinationBytes}. */
export function destinationLength(server: VirtualServer): number {
  return (server.address === undefined ? 0 : familyOf(server.address) === 4 ? 4 : 16) + 8
}

/** address . protocol . port; for a node port protocol . port. Written to `key`, if one is given. */
export function destinationBytes(server: VirtualServer, key: Buffer = Buffer.alloc(destinationLength(server))): Buffer {
  const offset = server.address === undefined ? 0 : writeIp(server.address, key)
  key[offset] = PROTOCOL_NUMBER[server.protocol]
  writePort(key, offset + 4, server.port)
  return key
}

/** pool . slot. Written to `key`, if one is given. */
export function slotBytes(poolBits: number, slot: number, key: Buffer = Buffer.allocUnsafe(8)): Buffer {
  writeNumber(key, 0, poolBits)
  writeNumber(key, 4, slot)
  return key
}

/** Bytes of {@link endpointBytes}. */
export function endpointLength(family: Family): number {
  return (family === 4 ? 4 : 16) + 4
}

/** address . port. Written to `data`, if one is given, whose last two bytes must be 0. */
export function endpointBytes(
  endpoint: PoolEndpoint,
  data: Buffer = Buffer.alloc(endpointLength(familyOf(endpoint.address))),
): Buffer {
  writePort(data, writeIp(endpoint.address, data), endpoint.port)
  return data
}

/** A 32-bit number in host order, as priorities are. Written to `bytes`, if they are given. */
export function numberBytes(value: number, bytes: Buffer = Buffer.allocUnsafe(4)): Buffer {
  writeNumber(bytes, 0, value)
  return bytes
}

// Plain stores: Buffer's own methods check ranges, which takes longer than the store.

function writeNumber(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

function writePort(bytes: Uint8Array, at: number, port: number): void {
  bytes[at] = port >>> 8
  bytes[at + 1] = port
}

export function addressElement(set: NftSet, address: IpAddress): SetElement {
  return { set, key: ipBytes(address) }
}

/** saddr . daddr of an endpoint that talks to itself. */
export function hairpinElement(set: NftSet, address: IpAddress): SetElement {
  const bytes = ipBytes(address)
  return { set, key: Buffer.concat([bytes, bytes]) }
}

export function verdictElement(set: NftSet, index: number, verdict: Verdict): SetElement {
  return { set, key: numberBytes(index), data: verdict }
}

/** A range of addresses. Without `intervalEnd` it reaches to the last address there is. */
export function cidrElement(set: NftSet, cidr: Cidr): SetElement {
  const [address = '', length = '0'] = cidr.split('/')
  const ip = parseIp(address)
  if (ip === undefined) throw new TypeError(`not a CIDR: ${cidr}`)
  const start = ipBytes(ip)
  const end = firstBehind(start, Number(length))
  return end === undefined ? { set, key: start } : { set, key: start, intervalEnd: end }
}

/** address . protocol . port . sources that may use it. */
export function sourceRangeElement(set: NftSet, server: VirtualServer, range: Cidr, comment: string): SetElement {
  const { key: first, intervalEnd } = cidrElement(set, range)
  const last = intervalEnd === undefined ? new Uint8Array(first.length).fill(0xff) : keyBefore(intervalEnd)
  const destination = destinationBytes(server)
  return { set, key: Buffer.concat([destination, first]), keyEnd: Buffer.concat([destination, last]), comment }
}

/** The first address behind a prefix; undefined when the prefix reaches to the last one. */
function firstBehind(start: Uint8Array, prefixLength: number): Uint8Array | undefined {
  const end = Uint8Array.from(start)
  let carry = 1 << ((8 - (prefixLength % 8)) % 8)
  for (let i = Math.ceil(prefixLength / 8) - 1; i >= 0; i--) {
    const sum = (end[i] ?? 0) + carry
    end[i] = sum & 0xff
    if (sum < 0x100) return end
    carry = 1
  }
  return undefined
}
