import { attributeMap } from '../netlink/attributes.ts'
import { NETLINK, NLM_F, NLMSG } from '../netlink/constants.ts'
import { NetlinkError } from '../netlink/error.ts'
import { type Message, messages, readAcknowledgement } from '../netlink/message.ts'
import { NetlinkSocket, type NetlinkTransport } from '../netlink/socket.ts'
import { MessageWriter } from '../netlink/writer.ts'

/** include/uapi/linux/rtnetlink.h, if_addr.h */
const RTM = { NEWADDR: 20, GETADDR: 22, NEWROUTE: 24, GETROUTE: 26 } as const
const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const
const RTA = { OIF: 4, MULTIPATH: 9, TABLE: 15 } as const
const RT_TABLE_MAIN = 254
const RTN_UNICAST = 1
const IFA_F_TENTATIVE = 0x40
const IFA_F_DEPRECATED = 0x20
const AF_INET = 2
const AF_INET6 = 10
/** Multicast groups that tell of changed addresses and routes: RTNLGRP_IPV4_IFADDR ... */
const GROUPS = [5, 7, 9, 11]

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

/** Reads addresses and routes of the network namespace of the thread that made it. */
export class RouteConnection {
  readonly #transport: NetlinkTransport
  #sequence = 1

  /** @throws NetlinkError */
  constructor(transport: NetlinkTransport = new NetlinkSocket({ protocol: NETLINK.ROUTE })) {
    this.#transport = transport
  }

  addresses(): InterfaceAddress[] {
    // struct ifaddrmsg: family, prefix length, flags, scope, interface index.
    return this.#dump(RTM.GETADDR, Buffer.alloc(8), RTM.NEWADDR).flatMap((message) => readAddress(message) ?? [])
  }

  defaultRoutes(): DefaultRoute[] {
    // struct rtmsg: family, destination and source length, tos, table, protocol, scope, type, flags.
    return this.#dump(RTM.GETROUTE, Buffer.alloc(12), RTM.NEWROUTE).flatMap(
      (message) => readDefaultRoute(message) ?? [],
    )
  }

  close(): void {
    this.#transport.close()
  }

  /** The replies of a dump, copied. */
  #dump(type: number, header: Buffer, reply: number): Message[] {
    const writer = new MessageWriter(64)
    const sequence = this.#sequence++
    const start = writer.beginMessage(type, NLM_F.REQUEST | NLM_F.DUMP, sequence)
    writer.raw(header)
    writer.endMessage(start)
    this.#transport.send(writer.bytes)
    const found: Message[] = []
    for (;;) {
      const datagram = this.#transport.receive()
      if (datagram === undefined) throw new NetlinkError('NETLINK_PROTOCOL', 'the kernel gave no complete answer')
      for (const message of messages(Buffer.from(datagram))) {
        if (message.sequence !== sequence) continue
        if (message.type === NLMSG.DONE) return found
        if (message.type === NLMSG.ERROR) {
          const { errno, text } = readAcknowledgement(message)
          throw new NetlinkError('NETLINK_PROTOCOL', `the kernel does not list its addresses: errno ${errno} ${text}`)
        }
        if (message.type === reply) found.push(message)
      }
    }
  }
}

/** Tells when addresses or routes changed. */
export class RouteWatch {
  readonly #transport: NetlinkTransport

  constructor(transport: NetlinkTransport = new NetlinkSocket({ protocol: NETLINK.ROUTE, groups: GROUPS })) {
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
