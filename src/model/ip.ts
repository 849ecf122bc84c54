import ipaddr from 'ipaddr.js'

/** IP family: 4 or 6. */
export type Family = 4 | 6

/** Both families, IPv4 first. */
export const FAMILIES: readonly Family[] = [4, 6]

/**
 * An IP address in canonical text: dotted quad, or RFC 5952 for IPv6. Two equal addresses are equal strings.
 * Made only by {@link parseIp}.
 */
export type IpAddress = string & { readonly __brand: 'IpAddress' }

/** A CIDR in canonical text with its host bits cleared, for example `10.0.0.0/8`. Made only by {@link parseCidr}. */
export type Cidr = string & { readonly __brand: 'Cidr' }

const CANONICAL_IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/
const DOT = 46
const ZERO = 48
const NINE = 57
const COLON = 58
const SMALL_A = 97
const LEADING_ZEROS = /(^|[.:])0+(?=\d+(?:\.|$))/g

/**
 * Reads an address the lenient way that Kubernetes does: `010.001.002.003` is decimal 10.1.2.3 (promise 19), and an
 * IPv4-mapped IPv6 address is its IPv4 address. A zone (`fe80::1%eth0`) is not an address.
 *
 * @returns undefined when the text is no address.
 */
export function parseIp(text: string): IpAddress | undefined {
  if (text.length > 64 || text.includes('%')) return undefined
  if (CANONICAL_IPV4.test(text)) return text as IpAddress
  const plain = text.includes('.') ? text.replace(LEADING_ZEROS, '$1') : text
  if (!plain.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(plain)) return undefined
  if (!ipaddr.isValid(plain)) return undefined
  return canonical(ipaddr.process(plain))
}

/**
 * Reads `ADDRESS/LENGTH`; surrounding white space is dropped (promise 19) and host bits are cleared.
 *
 * @returns undefined when the text is no CIDR.
 */
export function parseCidr(text: string): Cidr | undefined {
  const [address, length, ...rest] = text.trim().split('/')
  if (address === undefined || length === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined
  const ip = parseIp(address)
  if (ip === undefined) return undefined
  const bits = Number(length)
  if (bits > bitsOf(familyOf(ip))) return undefined
  const network = Buffer.from(ipBytes(ip))
  for (let i = 0; i < network.length; i++) {
    const kept = Math.min(Math.max(bits - 8 * i, 0), 8)
    network[i] = (network[i] ?? 0) & (0xff << (8 - kept))
  }
  return `${ipFromBytes(network)}/${bits}` as Cidr
}

/** The family of an address or a range. */
export function familyOf(ip: IpAddress | Cidr): Family {
  return ip.includes(':') ? 6 : 4
}

/** Address bits of a family: 32 or 128. */
function bitsOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128
}

/** The address in network byte order: 4 or 16 bytes. */
export function ipBytes(ip: IpAddress): Uint8Array {
  const bytes = new Uint8Array(bitsOf(familyOf(ip)) / 8)
  writeIp(ip, bytes)
  return bytes
}

/** Writes the address in network byte order to the beginning of `target`. @returns the number of bytes, 4 or 16. */
export function writeIp(ip: IpAddress, target: Uint8Array): 4 | 16 {
  if (ip.includes(':')) {
    writeIpv6(ip, target)
    return 16
  }
  let at = 0
  let part = 0
  for (let i = 0; i < ip.length; i++) {
    const code = ip.charCodeAt(i)
    if (code === DOT) {
      target[at++] = part
      part = 0
    } else part = part * 10 + (code - ZERO)
  }
  target[at] = part
  return 4
}

/** Of canonical text, which has hexadecimal groups only, in lower case, and `::` at most once. */
function writeIpv6(ip: IpAddress, target: Uint8Array): void {
  let at = 0
  let group = 0
  let hasDigits = false
  /** Where `::` stands; -1 while it has not been seen. */
  let gap = -1
  for (let i = 0; i < ip.length; i++) {
    const code = ip.charCodeAt(i)
    if (code !== COLON) {
      group = group * 16 + (code <= NINE ? code - ZERO : code - SMALL_A + 10)
      hasDigits = true
    } else if (hasDigits) {
      target[at++] = group >> 8
      target[at++] = group
      group = 0
      hasDigits = false
    }
    if (code === COLON && ip.charCodeAt(i + 1) === COLON) gap = at
  }
  if (hasDigits) {
    target[at++] = group >> 8
    target[at++] = group
  }
  if (gap < 0) return
  const behind = 16 - (at - gap)
  target.copyWithin(behind, gap, at)
  target.fill(0, gap, behind)
}

/** The reverse of {@link ipBytes}; the length (4 or 16) chooses the family. */
export function ipFromBytes(bytes: Uint8Array): IpAddress {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as IpAddress
  return canonical(new ipaddr.IPv6([...bytes]))
}

function canonical(ip: ipaddr.IPv4 | ipaddr.IPv6): IpAddress {
  return (ip.kind() === 'ipv6' ? (ip as ipaddr.IPv6).toRFC5952String() : ip.toString()) as IpAddress
}

/** True when the address lies in the range; false for another family. */
export function cidrContains(cidr: Cidr, ip: IpAddress): boolean {
  if (familyOf(cidr) !== familyOf(ip)) return false
  const length = cidr.slice(cidr.indexOf('/') + 1)
  return parseCidr(`${ip}/${length}`) === cidr
}

/** The first address of a range. */
export function firstAddress(cidr: Cidr): IpAddress {
  return cidr.slice(0, cidr.indexOf('/')) as IpAddress
}

/** Bits that all addresses of a range have in common. */
export function prefixLength(cidr: Cidr): number {
  return Number(cidr.slice(cidr.indexOf('/') + 1))
}

/** The range that has this address only. */
export function singleAddress(ip: IpAddress): Cidr {
  return `${ip}/${bitsOf(familyOf(ip))}` as Cidr
}
