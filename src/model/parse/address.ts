import { type Cidr, type Family, familyOf, type IpAddress, parseCidr, parseIp } from '../ip.ts'
import type { Fields } from './fields.ts'
import { foundInstead, type Report } from './report.ts'

export type SpecialRange = 'unspecified' | 'loopback' | 'link-local' | 'multicast' | 'broadcast'

/**
 * Ranges that Kubernetes refuses as an endpoint's address (ValidateNonSpecialIP in core validation), and broadcast.
 *
 * @returns undefined for an ordinary address.
 */
function specialRange(ip: IpAddress): SpecialRange | undefined {
  if (familyOf(ip) === 6) return specialRange6(ip)
  if (ip.startsWith('127.')) return 'loopback'
  if (ip.startsWith('169.254.')) return 'link-local'
  if (ip === '0.0.0.0') return 'unspecified'
  if (ip === '255.255.255.255') return 'broadcast'
  const first = Number.parseInt(ip, 10)
  return first >= 224 && first <= 239 ? 'multicast' : undefined
}

function specialRange6(ip: IpAddress): SpecialRange | undefined {
  if (ip === '::') return 'unspecified'
  if (ip === '::1') return 'loopback'
  if (!ip.startsWith('f')) return undefined
  if (/^fe[89ab].:/.test(ip)) return 'link-local'
  return /^ff..:/.test(ip) ? 'multicast' : undefined
}

/** An address that is none of the refused ranges. */
export function parseOrdinaryIp(value: unknown, refused: readonly SpecialRange[]): IpAddress | undefined {
  const ip = typeof value === 'string' ? parseIp(value) : undefined
  if (ip === undefined) return undefined
  const range = specialRange(ip)
  return range !== undefined && refused.includes(range) ? undefined : ip
}

/** What Kubernetes refuses as an endpoint address or an external IP. */
export const NEVER_ENDPOINT: readonly SpecialRange[] = [
  'unspecified',
  'loopback',
  'link-local',
  'multicast',
  'broadcast',
]

/** What can never be the address of a Service; a cloud may hand out link-local ones. */
export const NEVER_VIRTUAL: readonly SpecialRange[] = ['unspecified', 'loopback', 'multicast', 'broadcast']

/** The addresses of a list, each once; a bad one is left out with a warning. */
export function readAddresses(
  fields: Fields,
  key: string,
  report: Report,
  refused: readonly SpecialRange[],
): readonly IpAddress[] {
  const list = fields.list(key)
  if (list.length === 0) return NO_ADDRESSES
  const found = new Set<IpAddress>()
  for (let i = 0; i < list.length; i++) {
    const ip = parseOrdinaryIp(list[i], refused)
    if (ip === undefined) report.warning(`${fields.path(key)}[${i}]`, foundInstead(list[i], addressesAccepted(refused)))
    else found.add(ip)
  }
  return [...found]
}

export function addressesAccepted(refused: readonly SpecialRange[], family?: Family): string {
  const version = family === undefined ? 'IP' : `IPv${family}`
  return `an ${version} address that is not ${refused.slice(0, -1).join(', ')} or ${refused.at(-1)}`
}

export interface Ranges {
  readonly cidrs: readonly Cidr[]
  /** Families that a bad entry may have been meant for. */
  readonly lost: ReadonlySet<Family>
}

/** The CIDRs of a list, each once; a bad one is left out with a warning, and its family is remembered as lost. */
export function readRanges(fields: Fields, key: string, report: Report): Ranges {
  const value = fields.raw(key)
  if (value === undefined) return NO_RANGES
  if (!Array.isArray(value)) {
    fields.warn(key, 'a list')
    return { cidrs: [], lost: new Set([4, 6]) }
  }
  const cidrs = new Set<Cidr>()
  const lost = new Set<Family>()
  for (let i = 0; i < value.length; i++) {
    const entry: unknown = value[i]
    const cidr = typeof entry === 'string' ? parseCidr(entry) : undefined
    if (cidr === undefined) {
      report.warning(`${fields.path(key)}[${i}]`, foundInstead(entry, 'ADDRESS/LENGTH, for example 10.0.0.0/8'))
      for (const family of meantFamilies(entry)) lost.add(family)
    } else cidrs.add(cidr)
  }
  return { cidrs: [...cidrs], lost }
}

const NO_ADDRESSES: readonly IpAddress[] = Object.freeze([])
const NO_RANGES: Ranges = Object.freeze({ cidrs: Object.freeze([]), lost: new Set<Family>() })

function meantFamilies(entry: unknown): readonly Family[] {
  if (typeof entry !== 'string') return [4, 6]
  if (entry.includes(':')) return [6]
  return entry.includes('.') ? [4] : [4, 6]
}
