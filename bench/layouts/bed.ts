import { NftablesConnection } from '../../src/kernel/nftables/connection.ts'
import { type Family, ipFromBytes, parseIp } from '../../src/model/ip.ts'
import type { PoolEndpoint } from '../../src/virtual-server/virtual-server.ts'
import { BenchNetns } from '../support/netns.ts'
import { Listener } from '../support/sockets.ts'

/** Where the server listens. */
export const SERVER_PORT = 8080

/** A client, a node with one layout's table, and a server that has the addresses of all endpoints that can be reached. */
export class TestBed {
  readonly client = new BenchNetns()
  readonly node = new BenchNetns()
  readonly server = new BenchNetns()
  readonly connection = this.node.run(() => NftablesConnection.open())
  readonly listener: Listener

  constructor() {
    this.client.wire('eth0', this.node, 'client')
    this.server.wire('eth0', this.node, 'server')
    for (const netns of [this.client, this.node, this.server]) {
      netns.sysctl('net.ipv6.conf.all.accept_dad', 0)
      netns.ip('link set lo up')
    }
    this.node.sysctl('net.ipv4.ip_forward', 1)
    this.node.sysctl('net.ipv6.conf.all.forwarding', 1)
    this.client.ip(
      'addr add 10.255.0.2/24 dev eth0',
      'addr add fd00:10:ff::2/64 dev eth0 nodad',
      'route add default via 10.255.0.1',
      'route add default via fd00:10:ff::1',
    )
    this.node.ip(
      'addr add 10.255.0.1/24 dev client',
      'addr add fd00:10:ff::1/64 dev client nodad',
      'addr add 10.254.0.1/24 dev server',
      'addr add fd00:10:fe::1/64 dev server nodad',
      'route add 10.253.0.0/16 via 10.254.0.2',
      'route add fd00:10:fd::/48 via fd00:10:fe::2',
      // Service addresses need a route to get as far as postrouting.
      'route add default via 10.254.0.2',
      'route add default via fd00:10:fe::2',
    )
    this.server.ip(
      'addr add 10.254.0.2/24 dev eth0',
      'addr add fd00:10:fe::2/64 dev eth0 nodad',
      'route add default via 10.254.0.1',
      'route add default via fd00:10:fe::1',
      'route add local 10.253.0.0/16 dev lo',
      'route add local fd00:10:fd::/48 dev lo',
    )
    this.listener = new Listener(this.server, SERVER_PORT)
  }

  /** Reaches the server once, past all Services, so that links are up and neighbours are known. */
  warmUp(family: Family): void {
    this.listener.timeConnects(this.client, { address: reachable(0, family).address, port: SERVER_PORT }, 1)
  }

  close(): void {
    this.listener.close()
    this.connection.close()
    for (const netns of [this.client, this.node, this.server]) netns.close()
  }
}

/** An endpoint that the server has. */
export function reachable(index: number, family: Family): PoolEndpoint {
  if (family === 4) {
    const address = ipFromBytes(Uint8Array.of(10, 253, 1 + (index >> 8), index & 0xff))
    return { address, port: SERVER_PORT, mayBeHere: false }
  }
  const address = parseIp(`fd00:10:fd::${(index + 1).toString(16)}`)
  if (address === undefined) throw new TypeError(String(index))
  return { address, port: SERVER_PORT, mayBeHere: false }
}
