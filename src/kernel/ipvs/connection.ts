import { type Attribute, attributeMap } from '../netlink/attributes.ts'
import { GENL_HEADER_BYTES, GenericNetlink } from '../netlink/generic.ts'
import type { Message } from '../netlink/message.ts'
import type { NetlinkTransport } from '../netlink/socket.ts'
import type { MessageWriter } from '../netlink/writer.ts'

/** include/uapi/linux/ip_vs.h */
const FAMILY = { name: 'IPVS', version: 1 } as const
const CMD = { DEL_SERVICE: 3, GET_SERVICE: 4 } as const
const CMD_ATTR_SERVICE = 1
const SVC = { AF: 1, PROTOCOL: 2, ADDR: 3, PORT: 4, FWMARK: 5 } as const
const AF_INET = 2
const AF_INET6 = 10
/** Bytes of union nf_inet_addr, which an address fills from its start. */
const NF_INET_ADDR_BYTES = 16

/** What identifies a virtual server of IPVS: its destination, or a mark on packets. */
export type IpvsService =
  | {
      readonly kind: 'destination'
      /** Network byte order, 4 or 16 bytes. */
      readonly address: Buffer
      /** IPPROTO_*: 6 TCP, 17 UDP, 132 SCTP. */
      readonly protocol: number
      /** 0 for all ports, which only a persistent service has. */
      readonly port: number
    }
  | { readonly kind: 'mark'; readonly family: 4 | 6; readonly mark: number }

/** IPVS of the network namespace of the thread that opened it. */
export class IpvsConnection {
  readonly #netlink: GenericNetlink

  private constructor(netlink: GenericNetlink) {
    this.#netlink = netlink
  }

  /** @returns undefined when the kernel has no IPVS. @throws NetlinkError */
  static open(transport?: NetlinkTransport): IpvsConnection | undefined {
    const netlink = GenericNetlink.open(FAMILY.name, FAMILY.version, transport)
    return netlink && new IpvsConnection(netlink)
  }

  /** All virtual servers. @throws NetlinkError */
  services(): IpvsService[] {
    return this.#netlink.dump(CMD.GET_SERVICE).flatMap((message) => readService(message) ?? [])
  }

  /** Deletes a virtual server with its destinations. @throws NetlinkError `NETLINK_REFUSED`; ESRCH: there is none. */
  deleteService(service: IpvsService): void {
    this.#netlink.request(CMD.DEL_SERVICE, (writer) => {
      writeService(writer, service)
    })
  }

  close(): void {
    this.#netlink.close()
  }
}

function readService({ buffer, start, end }: Message): IpvsService | undefined {
  const outer = attributeMap(buffer, start + GENL_HEADER_BYTES, end).get(CMD_ATTR_SERVICE)
  if (outer === undefined) return undefined
  const parts = attributeMap(buffer, outer.start, outer.end)
  const u16 = (attribute: Attribute | undefined) => (attribute ? buffer.readUInt16LE(attribute.start) : 0)
  const family = u16(parts.get(SVC.AF)) === AF_INET6 ? 6 : 4
  const mark = parts.get(SVC.FWMARK)
  if (mark !== undefined) return { kind: 'mark', family, mark: buffer.readUInt32LE(mark.start) }
  const address = parts.get(SVC.ADDR)
  const port = parts.get(SVC.PORT)
  if (address === undefined || port === undefined) return undefined
  return {
    kind: 'destination',
    address: Buffer.from(buffer.subarray(address.start, address.start + (family === 6 ? 16 : 4))),
    protocol: u16(parts.get(SVC.PROTOCOL)),
    port: buffer.readUInt16BE(port.start),
  }
}

function writeService(writer: MessageWriter, service: IpvsService): void {
  const u16 = (value: number) => Uint8Array.of(value & 0xff, value >> 8)
  const outer = writer.beginNested(CMD_ATTR_SERVICE)
  const isIpv6 = service.kind === 'mark' ? service.family === 6 : service.address.length === 16
  writer.bytesOf(SVC.AF, u16(isIpv6 ? AF_INET6 : AF_INET))
  if (service.kind === 'mark') writer.u32(SVC.FWMARK, service.mark)
  else {
    writer.bytesOf(SVC.PROTOCOL, u16(service.protocol))
    writer.bytesOf(SVC.ADDR, Buffer.concat([service.address], NF_INET_ADDR_BYTES))
    writer.bytesOf(SVC.PORT, Uint8Array.of(service.port >> 8, service.port & 0xff))
  }
  writer.endNested(outer)
}
