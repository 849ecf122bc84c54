import { attributeMap } from '../netlink/attributes.ts'
import { NETLINK } from '../netlink/constants.ts'
import { NetlinkError } from '../netlink/error.ts'
import type { Message } from '../netlink/message.ts'
import { NetlinkRequests } from '../netlink/requests.ts'
import { NetlinkSocket, type NetlinkTransport } from '../netlink/socket.ts'

/** include/uapi/linux/rtnetlink.h, if_addr.h, if_link.h */
const RTM = { DELLINK: 17, GETLINK: 18, GETADDR: 22, GETROUTE: 26 } as const
const IFLA_IFNAME = 3
/** struct ifinfomsg: family, padding, type, index, flags, change. */
const IFINFOMSG_BYTES = 16
const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const
const RTA = { OIF: 4, MULTIPATH: 9, TABLE: 15 } as const
const RT_TABLE_MAIN = 254
const RTN_UNICAST = 1
const IFA_F_TENTATIVE = 0x40
const IFA_F_DEPRECATED = 0x20
const AF_INET = 2
const AF_INET6 = 10
/**
 * Multicast groups that tell of changed links, addresses and routes: RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR ... A link that goes down
 * takes its IPv4 routes with it without a word about them.
 */
const GROUPS = [1, 5, 7, 9, 11]

/** RT_SCOPE_*: how far an address is valid. */
export const SCOPE = { universe: 0, link: 253, host: 254 } as const

/** An address of an interface. */
export interface InterfaceAddress {
  /** Network byte order, 4 or 16 bytes. */
  readonly address: Buffer
  readonly interfaceIndex: number
  readonly scope: number
  /** False while duplicate detection runs, and for an address that is on its way out. */
  readonly isUsable: boolean
}

/** A default route of the main table. */
export interface DefaultRoute {
  /** 4 or 6. */
  readonly family: 4 | 6
  /** Of the first next hop. */
  readonly interfaceIndex: number
}

/** Reads addresses, routes and links of the network namespace of the thread that made it. */
export class RouteConnection {
  readonly #requests: NetlinkRequests

  /** @throws NetlinkError */
  constructor(transport: NetlinkTransport = new NetlinkSocket({ protocol: NETLINK.ROUTE, isForAnyone: true })) {
    this.#requests = new NetlinkRequests(transport)
  }

  /** @throws NetlinkError */
  addresses(): InterfaceAddress[] {
    // struct ifaddrmsg: family, prefix length, flags, scope, interface index.
    const replies = this.#requests.dump(RTM.GETADDR, (writer) => {
      writer.raw(Buffer.alloc(8))
    })
    return replies.flatMap((message) => readAddress(message) ?? [])
  }

  /** @throws NetlinkError */
  defaultRoutes(): DefaultRoute[] {
    // struct rtmsg: family, destination and source length, tos, table, protocol, scope, type, flags.
    const replies = this.#requests.dump(RTM.GETROUTE, (writer) => {
      writer.raw(Buffer.alloc(12))
    })
    return replies.flatMap((message) => readDefaultRoute(message) ?? [])
  }

  /** The index of the interface; undefined when there is none of that name. @throws NetlinkError */
  linkIndex(name: string): number | undefined {
    try {
      const [link] = this.#requests.request(RTM.GETLINK, (writer) => {
        writer.raw(Buffer.alloc(IFINFOMSG_BYTES))
        writer.string(IFLA_IFNAME, name)
      })
      return link?.buffer.readInt32LE(link.start + 4)
    } catch (error) {
      if (error instanceof NetlinkError && error.errno === 'ENODEV') return undefined
      throw error
    }
  }

  /** Deletes an interface with its addresses. @throws NetlinkError `NETLINK_REFUSED` */
  deleteLink(index: number): void {
    this.#requests.request(RTM.DELLINK, (writer) => {
      const header = Buffer.alloc(IFINFOMSG_BYTES)
      header.writeInt32LE(index, 4)
      writer.raw(header)
    })
  }

  close(): void {
    this.#requests.close()
  }
}

/** Tells when addresses or routes changed. */
export class RouteWatch {
  readonly #transport: NetlinkTransport

  constructor(
    transport: NetlinkTransport = new NetlinkSocket({ protocol: NETLINK.ROUTE, isForAnyone: true, groups: GROUPS }),
  ) {
    this.#transport = transport
  }

  /** True when something changed since the last call, or may have: lost notifications count. Does not wait. */
  changed(): boolean {
    let changed = false
    for (;;) {
      try {
        if (this.#transport.receive() === undefined) return changed
      } catch (error) {
        if (!(error instanceof NetlinkError && error.code === 'NETLINK_OVERRUN')) throw error
      }
      changed = true
    }
  }

  close(): void {
    this.#transport.close()
  }
}

function readAddress({ buffer, start, end }: Message): InterfaceAddress | undefined {
  const parts = attributeMap(buffer, start + 8, end)
  // On point-to-point links IFA_ADDRESS is the peer's, and IFA_LOCAL ours.
  const address = parts.get(IFA.LOCAL) ?? parts.get(IFA.ADDRESS)
  if (address === undefined) return undefined
  const flags = parts.get(IFA.FLAGS)
  const bits = flags === undefined ? (buffer[start + 2] ?? 0) : buffer.readUInt32LE(flags.start)
  return {
    address: Buffer.from(buffer.subarray(address.start, address.end)),
    interfaceIndex: buffer.readUInt32LE(start + 4),
    scope: buffer[start + 3] ?? 0,
    isUsable: (bits & (IFA_F_TENTATIVE | IFA_F_DEPRECATED)) === 0,
  }
}

function readDefaultRoute({ buffer, start, end }: Message): DefaultRoute | undefined {
  const [family, destinationLength] = [buffer[start], buffer[start + 1]]
  if (destinationLength !== 0 || buffer[start + 7] !== RTN_UNICAST) return undefined
  if (family !== AF_INET && family !== AF_INET6) return undefined
  const parts = attributeMap(buffer, start + 12, end)
  const table = parts.get(RTA.TABLE)
  if ((table === undefined ? buffer[start + 4] : buffer.readUInt32LE(table.start)) !== RT_TABLE_MAIN) return undefined
  const output = parts.get(RTA.OIF)
  const multipath = parts.get(RTA.MULTIPATH)
  // struct rtnexthop: length, flags, hops, interface index.
  const index = output ? buffer.readUInt32LE(output.start) : multipath && buffer.readUInt32LE(multipath.start + 4)
  return index === undefined ? undefined : { family: family === AF_INET ? 4 : 6, interfaceIndex: index }
}
