import { attributeMap, attributes, readString } from '../netlink/attributes.ts'
import { NETLINK } from '../netlink/constants.ts'
import { NetlinkError } from '../netlink/error.ts'
import type { Message } from '../netlink/message.ts'
import { NetlinkRequests } from '../netlink/requests.ts'
import { NetlinkSocket, type NetlinkTransport } from '../netlink/socket.ts'
import type { MessageWriter } from '../netlink/writer.ts'

/** include/uapi/linux/netfilter/nfnetlink.h, ipset/ip_set.h */
const NFNL_SUBSYS_IPSET = 6
const CMD = { DESTROY: 3, LIST: 7 } as const
const ATTR = { PROTOCOL: 1, SETNAME: 2, FLAGS: 6, ADT: 8 } as const
const DATA_PORT = 4
const PROTOCOL = 6
/** IPSET_FLAG_LIST_SETNAME: only the names. */
const FLAG_NAMES = 1 << 1
/** struct nfgenmsg: family, version, resource id; a set's family is told at its creation only. */
const NFGENMSG = Uint8Array.of(2, 0, 0, 0)
/** How a kernel without ip_set answers (nfnetlink_rcv_msg). */
const UNSUPPORTED = 'EINVAL'
/** IPSET_ERR_BUSY: a rule or another set refers to it. */
const BUSY = 'errno 4100'

/** The IP sets of the network namespace of the thread that opened it. */
export class IpsetConnection {
  readonly #requests: NetlinkRequests

  /** @throws NetlinkError */
  constructor(transport: NetlinkTransport = new NetlinkSocket({ protocol: NETLINK.NETFILTER })) {
    this.#requests = new NetlinkRequests(transport)
  }

  /** The names of all sets; none when the kernel has no IP sets. @throws NetlinkError */
  names(): string[] {
    try {
      const replies = this.#list((writer) => {
        writer.u32be(ATTR.FLAGS, FLAG_NAMES)
      })
      return replies.flatMap((message) => setName(message) ?? [])
    } catch (error) {
      if (error instanceof NetlinkError && error.errno === UNSUPPORTED) return []
      throw error
    }
  }

  /** The ports among a set's elements, each once for every element that has one. @throws NetlinkError */
  ports(set: string): number[] {
    const replies = this.#list((writer) => {
      writer.string(ATTR.SETNAME, set)
    })
    return replies.flatMap(elementPorts)
  }

  /**
   * Destroys a set, or leaves it at that when there is none; older kernels refuse that, newer ones only when asked to.
   *
   * @throws NetlinkError `NETLINK_REFUSED`; EBUSY: something still refers to it.
   */
  destroy(set: string): void {
    try {
      this.#requests.request(messageType(CMD.DESTROY), (writer) => {
        writeHeader(writer)
        writer.string(ATTR.SETNAME, set)
      })
    } catch (error) {
      const errno = error instanceof NetlinkError ? error.errno : ''
      if (errno === 'ENOENT') return
      if (errno !== BUSY) throw error
      throw new NetlinkError('NETLINK_REFUSED', 'something still refers to it', { errno: 'EBUSY', cause: error })
    }
  }

  close(): void {
    this.#requests.close()
  }

  #list(body: (writer: MessageWriter) => void): Message[] {
    return this.#requests.dump(messageType(CMD.LIST), (writer) => {
      writeHeader(writer)
      body(writer)
    })
  }
}

function messageType(command: number): number {
  return (NFNL_SUBSYS_IPSET << 8) | command
}

function writeHeader(writer: MessageWriter): void {
  writer.raw(NFGENMSG)
  writer.u8(ATTR.PROTOCOL, PROTOCOL)
}

function setName({ buffer, start, end }: Message): string | undefined {
  const name = attributeMap(buffer, start + NFGENMSG.length, end).get(ATTR.SETNAME)
  return name && readString(buffer, name)
}

function elementPorts({ buffer, start, end }: Message): number[] {
  const list = attributeMap(buffer, start + NFGENMSG.length, end).get(ATTR.ADT)
  if (list === undefined) return []
  return [...attributes(buffer, list.start, list.end)].flatMap((element) => {
    const port = attributeMap(buffer, element.start, element.end).get(DATA_PORT)
    return port === undefined ? [] : [buffer.readUInt16BE(port.start)]
  })
}
