import type { Family } from '../../../src/model/ip.ts'
import type { PoolEndpoint, VirtualServer } from '../../../src/virtual-server/virtual-server.ts'
import { clusterIP, endpointChanges, hash, hostPort, podCIDR, type ServiceChange, type TextLayout } from './layout.ts'

/**
 * nfproxy's layout: six verdict maps in front, and a chain for each Service and one for each endpoint behind them. nfproxy
 * makes each of these objects in a transaction of its own; here all come in one, which is how fast the layout can be.
 */
export class Nfproxy implements TextLayout {
  readonly command = ['nft', '-f', '-'] as const
  readonly #ip: 'ip' | 'ip6'
  readonly #table: string
  readonly #pods: string

  constructor(family: Family) {
    this.#ip = family === 4 ? 'ip' : 'ip6'
    this.#table = `${this.#ip} kube-nfproxy-v${family}`
    this.#pods = podCIDR(family)
  }

  full(servers: readonly VirtualServer[]): string {
    return [this.#base(), ...servers.flatMap((server) => this.#added(server))].join('\n')
  }

  change(changes: readonly ServiceChange[]): string {
    return changes.flatMap((change) => this.#changed(change)).join('\n')
  }

  afterwards(): string {
    return ''
  }

  #changed(change: ServiceChange): string[] {
    const { before, after } = change
    if (before === undefined) return after === undefined ? [] : this.#added(after)
    if (after === undefined) return this.#removed(before)
    const { added, removed } = endpointChanges(change)
    const chain = serviceChain(after)
    const gone = removed.map((endpoint) => endpointChain(after, endpoint))
    return [
      ...added.flatMap((endpoint) => this.#endpoint(after, endpoint)),
      `flush chain ${this.#table} ${chain}`,
      ...this.#serviceRules(after),
      ...gone.flatMap((name) => this.#deleteChain(name)),
    ]
  }

  #added(server: VirtualServer): string[] {
    return [
      ...server.pool.endpoints.flatMap((endpoint) => this.#endpoint(server, endpoint)),
      `add chain ${this.#table} ${serviceChain(server)}`,
      ...this.#serviceRules(server),
      ...this.#frontEnd('add', server),
    ]
  }

  #removed(server: VirtualServer): string[] {
    const chains = [serviceChain(server), ...server.pool.endpoints.map((endpoint) => endpointChain(server, endpoint))]
    return [...this.#frontEnd('delete', server), ...chains.flatMap((chain) => this.#deleteChain(chain))]
  }

  #deleteChain(chain: string): string[] {
    return [`flush chain ${this.#table} ${chain}`, `delete chain ${this.#table} ${chain}`]
  }

  #frontEnd(verb: 'add' | 'delete', server: VirtualServer): string[] {
    const key = `${server.protocol.toLowerCase()} . ${clusterIP(server)} . ${server.port}`
    return [`${verb} element ${this.#table} cluster-ip { ${key} : jump ${serviceChain(server)} }`]
  }

  #serviceRules(server: VirtualServer): string[] {
    const rule = `add rule ${this.#table} ${serviceChain(server)}`
    const { endpoints } = server.pool
    const picks = endpoints.map((endpoint, index) => `${index} : jump ${endpointChain(server, endpoint)}`)
    const name = `${server.service}:${server.portName}:${server.protocol}`
    return [
      `${rule} counter comment "service chain for Service Port Name ${name}"`,
      // It asks for random, and its library leaves that out.
      `${rule} numgen inc mod ${endpoints.length} vmap { ${picks.join(', ')} }`,
    ]
  }

  #endpoint(server: VirtualServer, endpoint: PoolEndpoint): string[] {
    const chain = endpointChain(server, endpoint)
    const rule = `add rule ${this.#table} ${chain}`
    const { address, port } = endpoint
    return [
      `add chain ${this.#table} ${chain}`,
      `${rule} counter`,
      `${rule} ${this.#ip} saddr ${address} meta mark set meta mark or 0x4000`,
      `${rule} meta l4proto ${server.protocol.toLowerCase()} dnat to ${hostPort(address, port)} fully-random`,
    ]
  }

  #base(): string {
    const [ip, type, protocol] =
      this.#ip === 'ip' ? ['ip', 'ipv4_addr', 'ip protocol'] : ['ip6', 'ipv6_addr', 'meta l4proto']
    const frontEnd = `type inet_proto . ${type} . inet_service : verdict;`
    const destination = `${protocol} . ${ip} daddr . th dport`
    const isNew = 'ct state new'
    return `table ${this.#table} {
        map no-endpoints { ${frontEnd} }
        map do-mark-masq { ${frontEnd} }
        map cluster-ip { ${frontEnd} }
        map external-ip { ${frontEnd} }
        map loadbalancer-ip { ${frontEnd} }
        map nodeports { type inet_proto . inet_service : verdict; }
        chain k8s-filter-do-reject { counter; reject; }
        chain k8s-filter-services { counter; ${destination} vmap @no-endpoints; }
        chain k8s-filter-firewall { counter; meta mark and 0x8000 == 0x8000 drop; }
        chain k8s-filter-forward {
          counter
          ct state invalid drop
          meta mark and 0x4000 == 0x4000 accept
          ${ip} saddr ${this.#pods} ct state established,related accept
          ${ip} daddr ${this.#pods} ct state established,related accept
        }
        chain k8s-nat-do-mark-masq { counter; meta mark set meta mark or 0x4000; }
        chain k8s-nat-mark-masq { counter; ${destination} vmap @do-mark-masq; }
        chain k8s-nat-nodeports { counter; ${protocol} . th dport vmap @nodeports; }
        chain k8s-nat-do-masquerade { counter; masquerade; }
        chain k8s-nat-services {
          counter
          ${ip} saddr != ${this.#pods} jump k8s-nat-mark-masq
          ${destination} vmap @cluster-ip
          ${destination} vmap @external-ip
          ${destination} vmap @loadbalancer-ip
          fib daddr type local jump k8s-nat-nodeports
        }
        chain k8s-nat-postrouting {
          counter
          ${ip} saddr != ${this.#pods} jump k8s-nat-do-masquerade
          meta mark and 0x4000 == 0x4000 jump k8s-nat-do-masquerade
        }
        chain filter-input {
          type filter hook input priority 0;
          counter
          ${isNew} jump k8s-filter-services
          jump k8s-filter-firewall
        }
        chain filter-output {
          type filter hook output priority 0;
          counter
          ${isNew} jump k8s-filter-services
          jump k8s-filter-firewall
        }
        chain filter-forward {
          type filter hook forward priority 0;
          counter
          jump k8s-filter-forward
          ${isNew} jump k8s-filter-services
        }
        chain nat-prerouting { type nat hook prerouting priority 0; counter; jump k8s-nat-services; }
        chain nat-output { type nat hook output priority 0; counter; jump k8s-nat-services; }
        chain nat-postrouting { type nat hook postrouting priority 0; counter; jump k8s-nat-postrouting; }
      }`
  }
}

/** Of the Service's port, and of what it is reached by. */
function serviceChain(server: VirtualServer): string {
  const { service, portName, protocol, family, port } = server
  return `k8s-nfproxy-svc-${hash(`${service}:${portName}${protocol}${family}:${clusterIP(server)}:${port}`, 16)}`
}

function endpointChain(server: VirtualServer, { address, port }: PoolEndpoint): string {
  const { service, portName, protocol, family } = server
  return `k8s-nfproxy-sep-${hash(`${service}:${portName}${protocol}${family}:${hostPort(address, port)}/${protocol}`, 16)}`
}
