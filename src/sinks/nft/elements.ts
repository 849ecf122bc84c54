import type { Element, NftSet } from '../../kernel/nftables/types.ts'
import type { Verdict } from '../../kernel/nftables/verdict.ts'
import { type Cidr, type IpAddress, ipBytes, parseIp } from '../../model/ip.ts'
import type { Protocol } from '../../model/service.ts'
import type { PoolEndpoint, VirtualServer } from '../../virtual-server/virtual-server.ts'

/** An element together with the set that it belongs to. */
export interface SetElement extends Element {
  readonly set: NftSet
}

/** IP protocol numbers (IANA). */
const PROTOCOL_NUMBER: { readonly [protocol in Protocol]: number } = { TCP: 6, UDP: 17, SCTP: 132 }

/** address . protocol . port; for a node port protocol . port. */
export function destinationBytes(server: VirtualServer): Buffer {
  const address = server.address === undefined ? undefined : ipBytes(server.address)
  const offset = address?.length ?? 0
  const key = Buffer.alloc(offset + 8)
  if (address !== undefined) key.set(address)
  key[offset] = PROTOCOL_NUMBER[server.protocol]
  key.writeUInt16BE(server.port, offset + 4)
  return key
}

/** pool . slot. */
export function slotBytes(poolBits: number, slot: number): Buffer {
  const key = Buffer.allocUnsafe(8)
  key.writeUInt32LE(poolBits >>> 0)
  key.writeUInt32LE(slot, 4)
  return key
}

/** address . port. */
export function endpointBytes(endpoint: PoolEndpoint): Buffer {
  const address = ipBytes(endpoint.address)
  const data = Buffer.alloc(address.length + 4)
  data.set(address)
  data.writeUInt16BE(endpoint.port, address.length)
  return data
}

/** A 32-bit number in host order, as priorities are. */
export function numberBytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
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
