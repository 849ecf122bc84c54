import type { Family } from '../../../src/model/ip.ts'
import type { PoolEndpoint, VirtualServer } from '../../../src/virtual-server/virtual-server.ts'
import { clusterIP, endpointChanges, hash, hostPort, podCIDR, type ServiceChange, type TextLayout } from './layout.ts'

/** Chains may have names of 255 characters; kube-proxy cuts them before. */
const MAX_NAME = 240

/**
 * What kube-proxy's nftables mode (Kubernetes 1.35) makes of Services with a cluster IP: a chain for each Service and one for
 * each endpoint, and a verdict map in front.
 */
export class KubeProxyNftables implements TextLayout {
  readonly command = ['nft', '-f', '-'] as const
  readonly #ip: 'ip' | 'ip6'
  readonly #table: string
  readonly #pods: string

  constructor(family: Family) {
    this.#ip = family === 4 ? 'ip' : 'ip6'
    this.#table = `${this.#ip} kube-proxy`
    this.#pods = podCIDR(family)
  }

  full(servers: readonly VirtualServer[]): string {
    return [this.#base(), ...servers.flatMap((server) => this.#service(server))].join('\n')
  }

  change(changes: readonly ServiceChange[]): string {
    return changes.flatMap((change) => this.#changed(change)).join('\n')
  }

  /** Chains that were emptied are deleted a second later, in another transaction. */
  afterwards(changes: readonly ServiceChange[]): string {
    const lines = changes.flatMap((change) => {
      const { before, after } = change
      if (before === undefined) return []
      const gone = endpointChanges(change).removed.map((endpoint) => this.#endpointChain(before, endpoint))
      if (after === undefined) gone.push(serviceChain(before))
      return gone.map((chain) => `delete chain ${this.#table} ${chain}`)
    })
    return lines.join('\n')
  }

  #changed(change: ServiceChange): string[] {
    const { before, after } = change
    const { added, removed } = endpointChanges(change)
    const table = this.#table
    if (after === undefined) return before === undefined ? [] : this.#removed(before)
    const chain = serviceChain(after)
    const isNew = before === undefined
    return [
      ...(isNew ? [`add chain ${table} ${chain}`] : []),
      ...added.flatMap((endpoint) => this.#endpoint(after, endpoint)),
      ...(isNew ? this.#frontEnd('add', after) : [`flush chain ${table} ${chain}`]),
      ...this.#serviceRules(after),
      ...removed.map((endpoint) => `flush chain ${table} ${this.#endpointChain(after, endpoint)}`),
    ]
  }

  #removed(server: VirtualServer): string[] {
    const chains = [serviceChain(server), ...server.pool.endpoints.map((each) => this.#endpointChain(server, each))]
    return [...this.#frontEnd('delete', server), ...chains.map((chain) => `flush chain ${this.#table} ${chain}`)]
  }

  #service(server: VirtualServer): string[] {
    const { endpoints } = server.pool
    return [
      `add chain ${this.#table} ${serviceChain(server)}`,
      ...endpoints.flatMap((endpoint) => this.#endpoint(server, endpoint)),
      ...this.#frontEnd('add', server),
      ...this.#serviceRules(server),
    ]
  }

  #frontEnd(verb: 'add' | 'delete', server: VirtualServer): string[] {
    const address = clusterIP(server)
    const key = `${address} . ${protocolOf(server)} . ${server.port}`
    return [
      `${verb} element ${this.#table} cluster-ips { ${address} }`,
      `${verb} element ${this.#table} service-ips { ${key} : goto ${serviceChain(server)} }`,
    ]
  }

  #serviceRules(server: VirtualServer): string[] {
    const rule = `add rule ${this.#table} ${serviceChain(server)}`
    const { endpoints } = server.pool
    const picks = endpoints.map((endpoint, index) => `${index} : goto ${this.#endpointChain(server, endpoint)}`)
    const destination = `${this.#ip} daddr ${clusterIP(server)} ${protocolOf(server)} dport ${server.port}`
    return [
      `${rule} ${destination} ${this.#ip} saddr != ${this.#pods} jump mark-for-masquerade`,
      `${rule} numgen random mod ${endpoints.length} vmap { ${picks.join(', ')} }`,
    ]
  }

  #endpoint(server: VirtualServer, endpoint: PoolEndpoint): string[] {
    const chain = this.#endpointChain(server, endpoint)
    const { address, port } = endpoint
    return [
      `add chain ${this.#table} ${chain}`,
      `add rule ${this.#table} ${chain} ${this.#ip} saddr ${address} jump mark-for-masquerade`,
      `add rule ${this.#table} ${chain} meta l4proto ${protocolOf(server)} dnat to ${hostPort(address, port)}`,
    ]
  }

  #endpointChain(server: VirtualServer, { address, port }: PoolEndpoint): string {
    const name = `${servicePort(server)}__${address.replaceAll(':', '.')}/${port}`
    return chainName('endpoint', name)
  }

  #base(): string {
    const [ip, type] = this.#ip === 'ip' ? ['ip', 'ipv4_addr'] : ['ip6', 'ipv6_addr']
    const frontEnd = `type ${type} . inet_proto . inet_service : verdict;`
    const nodePort = 'type inet_proto . inet_service : verdict;'
    const destination = `${ip} daddr . meta l4proto . th dport`
    return `add table ${this.#table} { comment "rules for kube-proxy"; }
      table ${this.#table} {
        set cluster-ips { type ${type}; comment "Active ClusterIPs"; }
        set nodeport-ips { type ${type}; comment "IPs that accept NodePort traffic"; }
        map no-endpoint-services { ${frontEnd} comment "vmap to drop or reject packets to services with no endpoints"; }
        map no-endpoint-nodeports { ${nodePort} comment "vmap to drop or reject packets to service nodeports with no endpoints"; }
        map firewall-ips { ${frontEnd} comment "destinations that are subject to LoadBalancerSourceRanges"; }
        map service-ips { ${frontEnd} comment "ClusterIP, ExternalIP and LoadBalancer IP traffic"; }
        map service-nodeports { ${nodePort} comment "NodePort traffic"; }
        chain reject-chain { reject; }
        chain mark-for-masquerade { meta mark set meta mark or 0x4000; }
        chain masquerading {
          meta mark and 0x4000 == 0 return
          meta mark set meta mark xor 0x4000
          masquerade fully-random
        }
        chain services {
          ${destination} vmap @service-ips
          ${ip} daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
        }
        chain firewall-check { ${destination} vmap @firewall-ips; }
        chain service-endpoints-check { ${destination} vmap @no-endpoint-services; }
        chain nodeport-endpoints-check { ${ip} daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports; }
        chain cluster-ips-check { ${ip} daddr @cluster-ips reject; }
        chain filter-prerouting-pre-dnat { type filter hook prerouting priority -110; ct state new jump firewall-check; }
        chain filter-output-pre-dnat { type filter hook output priority -110; ct state new jump firewall-check; }
        chain filter-input {
          type filter hook input priority 0;
          ct state new jump nodeport-endpoints-check
          ct state new jump service-endpoints-check
        }
        chain filter-forward {
          type filter hook forward priority 0;
          ct state new jump service-endpoints-check
          ct state new jump cluster-ips-check
        }
        chain filter-output {
          type filter hook output priority 0;
          ct state new jump service-endpoints-check
          ct state new jump cluster-ips-check
        }
        chain nat-prerouting { type nat hook prerouting priority -100; jump services; }
        chain nat-output { type nat hook output priority -100; jump services; }
        chain nat-postrouting { type nat hook postrouting priority 100; jump masquerading; }
      }`
  }
}

function protocolOf({ protocol }: VirtualServer): string {
  return protocol.toLowerCase()
}

/** `namespace/service/protocol/port`, by which kube-proxy names a ServicePort's chains. */
function servicePort(server: VirtualServer): string {
  return `${server.service}/${protocolOf(server)}/${server.portName}`
}

function serviceChain(server: VirtualServer): string {
  return chainName('service', servicePort(server))
}

function chainName(kind: 'service' | 'endpoint', name: string): string {
  return `${kind}-${hash(name, 8)}-${name}`.slice(0, MAX_NAME)
}
