import { createHash } from 'node:crypto'
import type { Family } from '../../../src/model/ip.ts'
import { familyOf } from '../../../src/model/ip.ts'
import type { VirtualServer } from '../../../src/virtual-server/virtual-server.ts'
import { POD_CIDRS } from '../../support/services.ts'

/** One Service before and after a change; undefined where there is none. */
export interface ServiceChange {
  readonly before: VirtualServer | undefined
  readonly after: VirtualServer | undefined
}

/** How a proxy other than Sluice holds Services, as input of the program that it uses. */
export interface TextLayout {
  /** The program with its arguments; the text goes to its standard input. */
  readonly command: readonly [string, ...string[]]
  /** Everything, for a namespace that has none of it. */
  full(servers: readonly VirtualServer[]): string
  /**
   * What the proxy writes when some Services change.
   *
   * @param all the Services as they are afterwards; some layouts write their dispatch anew each time.
   */
  change(changes: readonly ServiceChange[], all: Iterable<VirtualServer>): string
  /** Takes away what the last {@link change} left behind, if the proxy does that later; empty when there is nothing. */
  afterwards(changes: readonly ServiceChange[]): string
}

export type MakeLayout = (family: Family) => TextLayout

/** Base32 of SHA-256, as kube-proxy and nfproxy name chains. */
export function hash(text: string, length: number): string {
  const digest = createHash('sha256').update(text).digest()
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  let [bits, value, encoded] = [0, 0, '']
  for (const byte of digest) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      encoded += alphabet[(value >>> bits) & 31] ?? ''
      value &= (1 << bits) - 1
    }
    if (encoded.length >= length) break
  }
  return encoded.slice(0, length)
}

/** The pods' addresses, by which these proxies tell pods from others. */
export function podCIDR(family: Family): string {
  const cidr = POD_CIDRS.find((candidate) => familyOf(candidate) === family)
  if (cidr === undefined) throw new TypeError(`no pods of family ${family}`)
  return cidr
}

/** Every Service of the workload has a cluster IP. */
export function clusterIP({ address, service }: VirtualServer): string {
  if (address === undefined) throw new TypeError(`${service} has no cluster IP`)
  return address
}

/** `address:port`, in brackets for IPv6. */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** The endpoints that a change takes away and brings, and those that stay. */
export function endpointChanges({ before, after }: ServiceChange) {
  const key = ({ address, port }: { address: string; port: number }) => `${address} ${port}`
  const old = new Set(before?.pool.endpoints.map(key))
  const now = new Set(after?.pool.endpoints.map(key))
  return {
    added: after?.pool.endpoints.filter((endpoint) => !old.has(key(endpoint))) ?? [],
    removed: before?.pool.endpoints.filter((endpoint) => !now.has(key(endpoint))) ?? [],
  }
}
