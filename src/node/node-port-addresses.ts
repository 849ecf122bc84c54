import {
  type Cidr,
  cidrContains,
  FAMILIES,
  type Family,
  familyOf,
  firstAddress,
  type IpAddress,
  parseCidr,
} from '../model/ip.ts'
import type { Node } from '../model/node.ts'

/** Which of the node's addresses serve node ports (promises 22 to 24): keywords and ranges, which combine. */
export interface NodePortAddresses {
  /** The node's primary address of each family. */
  readonly primary: boolean
  /** The loopback addresses. Not every data plane can serve them. */
  readonly localhost: boolean
  /** Every address of the node. */
  readonly all: boolean
  readonly cidrs: readonly Cidr[]
}

/** An address of one of the node's interfaces. */
export interface LocalAddress {
  readonly address: IpAddress
  /** False for addresses that are valid on one link or on this host only. */
  readonly isGlobal: boolean
  /** The interface has a default route of the address's family. */
  readonly onDefaultRoute: boolean
}

/** The addresses of one family that were chosen. */
export interface MatchedAddresses {
  /** Every address of the family, those that come later, too. */
  readonly matchAll: boolean
  /** Those that the node has at present, loopback among them. In the order in which the node has them. */
  readonly addresses: readonly IpAddress[]
}

const KEYWORDS = ['primary', 'localhost', 'all'] as const
const ANY: { readonly [family in Family]: IpAddress } = { 4: '0.0.0.0' as IpAddress, 6: '::' as IpAddress }
const LOOPBACK: { readonly [family in Family]: Cidr } = { 4: '127.0.0.0/8' as Cidr, 6: '::1/128' as Cidr }

/**
 * Reads `primary`, `localhost`, `all` and CIDRs.
 *
 * @returns undefined when one of them is neither.
 */
export function parseNodePortAddresses(values: readonly string[]): NodePortAddresses | undefined {
  const cidrs: Cidr[] = []
  for (const value of values) {
    if ((KEYWORDS as readonly string[]).includes(value)) continue
    const cidr = parseCidr(value)
    if (cidr === undefined) return undefined
    cidrs.push(cidr)
  }
  const [primary, localhost, all] = KEYWORDS
  return { primary: values.includes(primary), localhost: values.includes(localhost), all: values.includes(all), cidrs }
}

/**
 * The addresses of a family that were chosen. A family for which nothing was said matches all (promise 24).
 *
 * @param node the node's object; without one, or without addresses in it, the addresses of the interface that has the
 *   default route are the primary ones.
 */
export function matchNodePortAddresses(
  spec: NodePortAddresses,
  family: Family,
  node: Node | undefined,
  local: readonly LocalAddress[],
): MatchedAddresses {
  const own = spec.cidrs.filter((cidr) => familyOf(cidr) === family)
  const ofFamily = local.filter(({ address }) => familyOf(address) === family)
  const usable = ofFamily.filter(({ address, isGlobal }) => isGlobal || isLoopback(address))
  const isUnsaid = own.length === 0 && !spec.primary && !spec.localhost
  if (spec.all || isUnsaid || own.some((cidr) => cidr.endsWith('/0'))) {
    return { matchAll: true, addresses: usable.map(({ address }) => address) }
  }
  const primary = spec.primary ? primaryAddresses(node, family, ofFamily) : []
  const isChosen = (address: IpAddress) =>
    (spec.localhost && isLoopback(address)) || own.some((cidr) => cidrContains(cidr, address))
  const chosen = usable.map(({ address }) => address).filter(isChosen)
  return { matchAll: false, addresses: [...new Set([...primary, ...chosen])] }
}

/**
 * The addresses of both families that serve node ports. Loopback is never among them: nftables cannot serve it
 * (promise 26).
 */
export function selectNodePortAddresses(
  spec: NodePortAddresses,
  node: Node | undefined,
  local: readonly LocalAddress[],
): IpAddress[] {
  const matched = FAMILIES.flatMap((family) => matchNodePortAddresses(spec, family, node, local).addresses)
  return [...new Set(matched)].filter((address) => !isLoopback(address)).sort()
}

/**
 * Where a process listens that belongs to the node ports, such as a health check (promise 84). Loopback may be among them; and
 * when a family is chosen as a whole, its wildcard address stands for it.
 */
export function selectListenAddresses(
  spec: NodePortAddresses,
  node: Node | undefined,
  local: readonly LocalAddress[],
): IpAddress[] {
  const matched = FAMILIES.flatMap((family) => {
    const { matchAll, addresses } = matchNodePortAddresses(spec, family, node, local)
    return matchAll ? [ANY[family]] : addresses
  })
  return matched.sort()
}

/** The addresses that make the node itself a client: those of its object, or else those that it has. */
export function nodeIPs(node: Node | undefined, local: readonly LocalAddress[]): readonly IpAddress[] {
  if (node !== undefined && node.addresses.length > 0) return node.addresses
  return onMainInterface(local)
}

/** True when node ports were asked for on IPv4 loopback addresses, be it as part of everything. */
export function selectsIPv4Loopback({ primary, localhost, all, cidrs }: NodePortAddresses): boolean {
  if (localhost || all) return true
  if (cidrs.length === 0) return !primary
  return cidrs.some((cidr) => familyOf(cidr) === 4 && overlap(cidr, LOOPBACK[4]))
}

function primaryAddresses(node: Node | undefined, family: Family, local: readonly LocalAddress[]): IpAddress[] {
  if (node !== undefined && node.addresses.length > 0) {
    const first = node.addresses.find((address) => familyOf(address) === family)
    return first === undefined ? [] : [first]
  }
  return onMainInterface(local)
}

function onMainInterface(local: readonly LocalAddress[]): IpAddress[] {
  return local.filter(({ isGlobal, onDefaultRoute }) => isGlobal && onDefaultRoute).map(({ address }) => address)
}

function isLoopback(address: IpAddress): boolean {
  return cidrContains(LOOPBACK[familyOf(address)], address)
}

/** Of two ranges that overlap one contains the other. */
function overlap(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, firstAddress(b)) || cidrContains(b, firstAddress(a))
}
