import { type Cidr, cidrContains, FAMILIES, familyOf, type IpAddress, parseCidr } from '../model/ip.ts'
import type { Node } from '../model/node.ts'

const EVERY = { 4: '0.0.0.0/0' as Cidr, 6: '::/0' as Cidr }
const ANY = { 4: '0.0.0.0' as IpAddress, 6: '::' as IpAddress }
const LOOPBACK = ['127.0.0.0/8' as Cidr, '::1/128' as Cidr]

/** Which of the node's addresses serve node ports (promises 22 to 24): keywords and ranges, which combine. */
export interface NodePortAddresses {
  /** The node's primary address of each family. */
  readonly primary: boolean
  /** Every address of the node, except loopback and link-local ones. */
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

/**
 * Reads `primary`, `all` and CIDRs.
 *
 * @returns undefined when one of them is neither.
 */
export function parseNodePortAddresses(values: readonly string[]): NodePortAddresses | undefined {
  const cidrs: Cidr[] = []
  for (const value of values) {
    if (value === 'primary' || value === 'all') continue
    const cidr = parseCidr(value)
    if (cidr === undefined) return undefined
    cidrs.push(cidr)
  }
  return { primary: values.includes('primary'), all: values.includes('all'), cidrs }
}

/**
 * The addresses that serve node ports. Loopback is never among them: nftables cannot serve it (promise 26).
 *
 * @param node the node's object; without one, or without addresses in it, the addresses of the interface that has the
 *   default route are the primary ones.
 */
export function selectNodePortAddresses(
  spec: NodePortAddresses,
  node: Node | undefined,
  local: readonly LocalAddress[],
): IpAddress[] {
  const global = local.filter(({ isGlobal }) => isGlobal)
  const selected = new Set<IpAddress>()
  if (spec.primary) for (const address of primaryAddresses(node, global)) selected.add(address)
  for (const { address } of global) {
    if (spec.all || spec.cidrs.some((cidr) => cidrContains(cidr, address))) selected.add(address)
  }
  return [...selected].sort()
}

/**
 * Where a process listens that belongs to the node ports, such as a health check (promise 84). As
 * {@link selectNodePortAddresses}, but loopback may be chosen by a range; and when a family is chosen as a whole, its
 * wildcard address stands for it.
 */
export function selectListenAddresses(
  spec: NodePortAddresses,
  node: Node | undefined,
  local: readonly LocalAddress[],
): IpAddress[] {
  const wildcards = FAMILIES.flatMap((family) => (spec.all || spec.cidrs.includes(EVERY[family]) ? [ANY[family]] : []))
  const loopback = local.filter(({ address }) => LOOPBACK.some((cidr) => cidrContains(cidr, address)))
  const chosen = loopback.filter(({ address }) => spec.cidrs.some((cidr) => cidrContains(cidr, address)))
  const single = [...selectNodePortAddresses(spec, node, local), ...chosen.map(({ address }) => address)]
  const isCovered = (address: IpAddress) => wildcards.some((wildcard) => familyOf(wildcard) === familyOf(address))
  return [...wildcards, ...single.filter((address) => !isCovered(address))].sort()
}

function primaryAddresses(node: Node | undefined, global: readonly LocalAddress[]): IpAddress[] {
  if (node !== undefined && node.addresses.length > 0) {
    return FAMILIES.flatMap((family) => node.addresses.find((address) => familyOf(address) === family) ?? [])
  }
  return global.filter(({ onDefaultRoute }) => onDefaultRoute).map(({ address }) => address)
}
