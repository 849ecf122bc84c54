import type { Family } from '../../../src/model/ip.ts'
import type { PoolEndpoint, VirtualServer } from '../../../src/virtual-server/virtual-server.ts'
import { clusterIP, endpointChanges, hash, hostPort, podCIDR, type ServiceChange, type TextLayout } from './layout.ts'

/** With more endpoints than these kube-proxy leaves the comments at its rules out (`largeClusterEndpointsThreshold`). */
const LARGE_CLUSTER_ENDPOINTS = 1000

/**
 * What kube-proxy's iptables mode makes of Services with a cluster IP: a rule for each Service in KUBE-SERVICES, a chain for
 * each Service with a cascade of probabilities, and a chain for each endpoint. An update writes the changed chains, and all
 * of KUBE-SERVICES.
 */
export class KubeProxyIptables implements TextLayout {
  readonly command: readonly [string, ...string[]]
  readonly #pods: string
  readonly #single: string
  #isLarge = false

  constructor(family: Family) {
    const program = family === 4 ? 'iptables-restore' : 'ip6tables-restore'
    this.command = [program, '--wait', '5', '--noflush', '--counters']
    this.#pods = podCIDR(family)
    this.#single = family === 4 ? '/32' : '/128'
  }

  full(servers: readonly VirtualServer[]): string {
    this.#isLarge = countEndpoints(servers) > LARGE_CLUSTER_ENDPOINTS
    const chains = servers.flatMap((server) => [serviceChain(server), ...endpointChains(server)])
    return [
      '*filter',
      ...FILTER_CHAINS.map(declare),
      ...FILTER_RULES,
      'COMMIT',
      '*nat',
      ...[...NAT_CHAINS, ...chains].map(declare),
      ...NAT_RULES,
      ...this.#dispatch(servers),
      ...servers.flatMap((server) => [
        ...this.#serviceRules(server),
        ...server.pool.endpoints.flatMap((endpoint) => this.#endpointRules(server, endpoint)),
      ]),
      'COMMIT',
      '',
    ].join('\n')
  }

  change(changes: readonly ServiceChange[], all: Iterable<VirtualServer>): string {
    const chains: string[] = []
    const rules: string[] = []
    const gone: string[] = []
    for (const change of changes) {
      const { before, after } = change
      const { removed } = endpointChanges(change)
      if (before !== undefined) gone.push(...removed.map((endpoint) => endpointChain(before, endpoint)))
      if (before !== undefined && after === undefined) gone.push(serviceChain(before))
      if (after === undefined) continue
      chains.push(serviceChain(after), ...endpointChains(after))
      rules.push(...this.#serviceRules(after))
      for (const endpoint of after.pool.endpoints) rules.push(...this.#endpointRules(after, endpoint))
    }
    return [
      '*nat',
      // A chain that is declared is flushed; those that are left out stay as they are.
      ...['KUBE-SERVICES', ...chains, ...gone].map(declare),
      ...this.#dispatch(all),
      ...rules,
      ...gone.map((chain) => `-X ${chain}`),
      'COMMIT',
      '',
    ].join('\n')
  }

  afterwards(): string {
    return ''
  }

  #comment(text: string): string {
    return this.#isLarge ? '' : `-m comment --comment "${text}" `
  }

  #destination(server: VirtualServer): string {
    return `-p ${server.protocol.toLowerCase()} -d ${clusterIP(server)}${this.#single} --dport ${server.port}`
  }

  #dispatch(servers: Iterable<VirtualServer>): string[] {
    const rules: string[] = []
    for (const server of servers) {
      const comment = this.#comment(`${portName(server)} cluster IP`)
      rules.push(
        `-A KUBE-SERVICES ${comment}-m ${matchOf(server)} ${this.#destination(server)} -j ${serviceChain(server)}`,
      )
    }
    rules.push(
      '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    )
    return rules
  }

  #serviceRules(server: VirtualServer): string[] {
    const chain = serviceChain(server)
    const { endpoints } = server.pool
    const comment = this.#comment(`${portName(server)} cluster IP`)
    return [
      `-A ${chain} ${comment}-m ${matchOf(server)} ${this.#destination(server)} ! -s ${this.#pods} -j KUBE-MARK-MASQ`,
      ...endpoints.map((endpoint, index) => {
        const left = endpoints.length - index
        const chance = left === 1 ? '' : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} `
        const target = this.#comment(`${portName(server)} -> ${hostPort(endpoint.address, endpoint.port)}`)
        return `-A ${chain} ${target}${chance}-j ${endpointChain(server, endpoint)}`
      }),
    ]
  }

  #endpointRules(server: VirtualServer, endpoint: PoolEndpoint): string[] {
    const rule = `-A ${endpointChain(server, endpoint)} ${this.#comment(portName(server))}`
    const { address, port } = endpoint
    return [
      `${rule}-s ${address}${this.#single} -j KUBE-MARK-MASQ`,
      `${rule}-m ${matchOf(server)} -p ${matchOf(server)} -j DNAT --to-destination ${hostPort(address, port)}`,
    ]
  }
}

const NAT_CHAINS = ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ', 'KUBE-PROXY-CANARY']
const NAT_RULES = [
  '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
  '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
  '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
  '-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000',
  '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
  '-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000',
  '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
]
const FILTER_CHAINS = [
  'KUBE-SERVICES',
  'KUBE-EXTERNAL-SERVICES',
  'KUBE-FORWARD',
  'KUBE-NODEPORTS',
  'KUBE-PROXY-FIREWALL',
  'KUBE-PROXY-CANARY',
]
const newOnly = (chain: string, text: string, target: string) =>
  `-A ${chain} -m conntrack --ctstate NEW -m comment --comment "${text}" -j ${target}`
const FILTER_RULES = [
  newOnly('INPUT', 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL'),
  newOnly('OUTPUT', 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL'),
  newOnly('FORWARD', 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL'),
  '-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS',
  newOnly('INPUT', 'kubernetes externally-visible service portals', 'KUBE-EXTERNAL-SERVICES'),
  newOnly('FORWARD', 'kubernetes externally-visible service portals', 'KUBE-EXTERNAL-SERVICES'),
  '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
  newOnly('FORWARD', 'kubernetes service portals', 'KUBE-SERVICES'),
  newOnly('OUTPUT', 'kubernetes service portals', 'KUBE-SERVICES'),
  '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
  '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT',
  '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
]

function declare(chain: string): string {
  return `:${chain} - [0:0]`
}

function matchOf({ protocol }: VirtualServer): string {
  return protocol.toLowerCase()
}

function portName({ service, portName: port }: VirtualServer): string {
  return port === '' ? service : `${service}:${port}`
}

function serviceChain(server: VirtualServer): string {
  return `KUBE-SVC-${hash(portName(server) + matchOf(server), 16)}`
}

function endpointChain(server: VirtualServer, { address, port }: PoolEndpoint): string {
  return `KUBE-SEP-${hash(portName(server) + matchOf(server) + hostPort(address, port), 16)}`
}

function endpointChains(server: VirtualServer): string[] {
  return server.pool.endpoints.map((endpoint) => endpointChain(server, endpoint))
}

function countEndpoints(servers: readonly VirtualServer[]): number {
  return servers.reduce((sum, { pool }) => sum + pool.endpoints.length, 0)
}
