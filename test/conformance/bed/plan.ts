import { parseIp } from '../../../src/model/ip.ts'
import { canonical, endpointText, isLoopback } from '../format/address.ts'

/** The lab's name of a protocol. */
export type LabProtocol = 'tcp' | 'udp' | 'sctp'

/** A server that answers with who asked, and for what. */
export interface ServerPlan {
  readonly protocol: LabProtocol
  /** Canonical. */
  readonly address: string
  readonly port: number
}

/** What a case needs of the bed: everything that it will ever send from, or to. */
export class Plan {
  /** Addresses that something is sent from. */
  readonly sources = new Set<string>()
  /** Addresses of endpoints, and whether their node is ours. */
  readonly endpoints = new Map<string, 'here' | 'elsewhere'>()
  /** Addresses that the node gets while the case runs. */
  readonly nodeAddresses = new Set<string>()
  /** Endpoints, and the original destinations of probes: there a packet that is left alone is answered. */
  readonly servers = new Map<string, ServerPlan>()
  /** By the address of a source, the name that the node's end of its link must have; any name where there is none. */
  readonly interfaces: ReadonlyMap<string, string>
  readonly #nodeName: string

  constructor(nodeName: string, interfaces: Readonly<Record<string, string>> = {}) {
    this.#nodeName = nodeName
    this.interfaces = new Map(Object.entries(interfaces).map(([address, name]) => [canonical(address), name]))
  }

  /** An address that the node gets later; nothing but Sluice answers there. */
  nodeAddress(address: string): void {
    this.nodeAddresses.add(canonical(address))
  }

  source(address: string): void {
    this.sources.add(canonical(address))
  }

  server(protocol: string, address: string, port: number): void {
    const plan = { protocol: protocol.toLowerCase() as LabProtocol, address: canonical(address), port }
    this.servers.set(`${plan.protocol} ${endpointText(plan.address, port)}`, plan)
  }

  /** Servers for what an EndpointSlice names; all its addresses, so that one which must not be used is noticed. */
  endpointSlice(slice: unknown): void {
    const { endpoints = [], ports = [] } = slice as SliceShape
    for (const { addresses = [], nodeName } of endpoints ?? []) {
      for (const text of addresses ?? []) {
        const address = parseIp(text)
        if (address === undefined || !isUnicast(address)) continue
        const place = nodeName === this.#nodeName ? 'here' : 'elsewhere'
        if (!this.endpoints.has(address)) this.endpoints.set(address, place)
        for (const { port, protocol } of ports ?? []) {
          if (typeof port === 'number' && port > 0 && port < 65536) this.server(protocol ?? 'TCP', address, port)
        }
      }
    }
  }

  /** Number of endpoints that a connection could be sent to, wrongly or not. */
  candidates(protocol: string): number {
    const all = [...this.servers.values()]
    return all.filter((server) => server.protocol === protocol.toLowerCase() && this.endpoints.has(server.address))
      .length
  }
}

/** Only what the bed reads; anything may be absent in a case about bad objects. */
interface SliceShape {
  endpoints?: { addresses?: string[] | null; nodeName?: string }[] | null
  ports?: { port?: number | null; protocol?: string }[] | null
}

function isUnicast(address: string): boolean {
  return !isLoopback(address) && !/^(0\.|22[4-9]\.|23\d\.|24\d\.|25\d\.|169\.254\.|::$|ff|fe8)/.test(address)
}
