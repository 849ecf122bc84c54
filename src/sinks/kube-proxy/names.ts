/** What kube-proxy calls what it makes, in all of its modes, as far back as 1.20. */

/** The nftables mode's table, in the families ip and ip6. */
export const NFTABLES_TABLE = 'kube-proxy'

/** Tables of iptables that kube-proxy has chains in. */
export const IPTABLES_TABLES = ['nat', 'filter', 'mangle'] as const
export type IptablesTable = (typeof IPTABLES_TABLES)[number]

/**
 * Chains of the modes iptables, ipvs and userspace. Not here is what kubelet makes and needs without a kube-proxy, too:
 * KUBE-IPTABLES-HINT and KUBE-KUBELET-CANARY, KUBE-FIREWALL in the filter table, of which kube-proxy keeps an identical
 * copy, and KUBE-MARK-DROP, which kubelet made up to 1.27. kube-proxy's own cleanup leaves all of them.
 */
const CHAINS: { readonly [table in IptablesTable]: readonly string[] } = {
  nat: [
    'KUBE-SERVICES',
    'KUBE-NODEPORTS',
    'KUBE-POSTROUTING',
    'KUBE-MARK-MASQ',
    'KUBE-PROXY-CANARY',
    // ipvs; its KUBE-FIREWALL of the nat table, up to 1.25, is another than kubelet's.
    'KUBE-NODE-PORT',
    'KUBE-LOAD-BALANCER',
    'KUBE-FIREWALL',
    // userspace, up to 1.25
    'KUBE-PORTALS-CONTAINER',
    'KUBE-PORTALS-HOST',
    'KUBE-NODEPORT-CONTAINER',
    'KUBE-NODEPORT-HOST',
  ],
  filter: [
    'KUBE-SERVICES',
    'KUBE-EXTERNAL-SERVICES',
    'KUBE-NODEPORTS',
    'KUBE-FORWARD',
    'KUBE-PROXY-FIREWALL',
    'KUBE-PROXY-CANARY',
    'KUBE-NODE-PORT',
    'KUBE-SOURCE-RANGES-FIREWALL',
    'KUBE-IPVS-FILTER',
    'KUBE-IPVS-OUT-FILTER',
    'KUBE-NODEPORT-NON-LOCAL',
  ],
  mangle: ['KUBE-PROXY-CANARY'],
}

/** Chains of the nat table for a Service port or an endpoint; a hash follows. kube-proxy takes all of them for its own. */
const NAT_PREFIXES = ['KUBE-SVC-', 'KUBE-SVL-', 'KUBE-SEP-', 'KUBE-FW-', 'KUBE-XLB-', 'KUBE-EXT-']

/** Chains that kube-proxy jumps to out of built-in chains. */
const ENTRY_CHAINS = new Set([
  'KUBE-SERVICES',
  'KUBE-EXTERNAL-SERVICES',
  'KUBE-NODEPORTS',
  'KUBE-POSTROUTING',
  'KUBE-FORWARD',
  'KUBE-PROXY-FIREWALL',
  'KUBE-NODE-PORT',
  'KUBE-IPVS-FILTER',
  'KUBE-IPVS-OUT-FILTER',
  'KUBE-PORTALS-CONTAINER',
  'KUBE-PORTALS-HOST',
  'KUBE-NODEPORT-CONTAINER',
  'KUBE-NODEPORT-HOST',
  'KUBE-NODEPORT-NON-LOCAL',
])

/** Sets a mark, and the chain without which the mark means nothing. */
export const MASQUERADE = { mark: 'KUBE-MARK-MASQ', act: 'KUBE-POSTROUTING' } as const

/** The ipvs mode's interface, which has the addresses of all Services. */
export const IPVS_INTERFACE = 'kube-ipvs0'

/** ipset(8) takes no longer names. */
const IPSET_NAME_MAX = 31

/** The ipvs mode's IP sets with the ports of all node ports, by IPPROTO_*. */
export const NODE_PORT_SETS: readonly { readonly protocol: number; readonly name: string }[] = [
  { protocol: 6, name: 'KUBE-NODE-PORT-TCP' },
  { protocol: 17, name: 'KUBE-NODE-PORT-UDP' },
  { protocol: 132, name: 'KUBE-NODE-PORT-SCTP-HASH' },
]

const IPSETS_IPV4 = [
  ...NODE_PORT_SETS.map(({ name }) => name),
  'KUBE-LOOP-BACK',
  'KUBE-CLUSTER-IP',
  'KUBE-EXTERNAL-IP',
  'KUBE-EXTERNAL-IP-LOCAL',
  'KUBE-LOAD-BALANCER',
  'KUBE-LOAD-BALANCER-LOCAL',
  'KUBE-LOAD-BALANCER-FW',
  'KUBE-LOAD-BALANCER-SOURCE-IP',
  'KUBE-LOAD-BALANCER-SOURCE-CIDR',
  'KUBE-NODE-PORT-LOCAL-TCP',
  'KUBE-NODE-PORT-LOCAL-UDP',
  'KUBE-NODE-PORT-LOCAL-SCTP-HASH',
  'KUBE-HEALTH-CHECK-NODE-PORT',
  'KUBE-IPVS-IPS',
]

/** The ipvs mode's IP sets of both families. */
export const IPSETS: ReadonlySet<string> = new Set([...IPSETS_IPV4, ...IPSETS_IPV4.map(ipv6SetName)])

/** What the IPv6 form of an IP set is called: cut where ipset does not take more. */
export function ipv6SetName(name: string): string {
  return name.replace('KUBE-', 'KUBE-6-').slice(0, IPSET_NAME_MAX)
}

export function isKubeProxyChain(table: IptablesTable, name: string): boolean {
  return CHAINS[table].includes(name) || (table === 'nat' && NAT_PREFIXES.some((prefix) => name.startsWith(prefix)))
}

/** Whether kube-proxy itself jumps to the chain out of a built-in one. */
export function isEntryChain(name: string): boolean {
  return ENTRY_CHAINS.has(name)
}
