import { attributeMap } from './attributes.ts'
import { NETLINK } from './constants.ts'
import { NetlinkError } from './error.ts'
import type { Message } from './message.ts'
import { NetlinkRequests } from './requests.ts'
import { NetlinkSocket, type NetlinkTransport } from './socket.ts'
import type { MessageWriter } from './writer.ts'

/** include/uapi/linux/genetlink.h */
const GENL_ID_CTRL = 0x10
const CTRL_CMD_GETFAMILY = 3
const CTRL_ATTR = { FAMILY_ID: 1, FAMILY_NAME: 2 } as const
const CTRL_VERSION = 2
/** Bytes of struct genlmsghdr: command, version, reserved. */
export const GENL_HEADER_BYTES = 4

/** One family of generic netlink, for example `IPVS`: a protocol whose number the kernel gives out at run time. */
export class GenericNetlink {
  readonly #requests: NetlinkRequests
  readonly #id: number
  readonly #version: number

  private constructor(requests: NetlinkRequests, id: number, version: number) {
    this.#requests = requests
    this.#id = id
    this.#version = version
  }

  /**
   * @param version of the family's messages.
   * @returns undefined when the kernel has no such family and no module for it.
   * @throws NetlinkError
   */
  static open(
    name: string,
    version: number,
    transport: NetlinkTransport = new NetlinkSocket({ protocol: NETLINK.GENERIC }),
  ): GenericNetlink | undefined {
    const requests = new NetlinkRequests(transport)
    try {
      const id = familyId(requests, name)
      if (id !== undefined) return new GenericNetlink(requests, id, version)
    } catch (error) {
      requests.close()
      throw error
    }
    requests.close()
    return undefined
  }

  /** The replies to a command; as {@link NetlinkRequests.request}. */
  request(command: number, body: (writer: MessageWriter) => void = () => {}): Message[] {
    return this.#requests.request(this.#id, withHeader(command, this.#version, body))
  }

  /** The list that a command asks for; as {@link NetlinkRequests.dump}. */
  dump(command: number, body: (writer: MessageWriter) => void = () => {}): Message[] {
    return this.#requests.dump(this.#id, withHeader(command, this.#version, body))
  }

  close(): void {
    this.#requests.close()
  }
}

function familyId(requests: NetlinkRequests, name: string): number | undefined {
  const body = (writer: MessageWriter) => {
    writer.string(CTRL_ATTR.FAMILY_NAME, name)
  }
  try {
    const [reply] = requests.request(GENL_ID_CTRL, withHeader(CTRL_CMD_GETFAMILY, CTRL_VERSION, body))
    const id = reply && attributeMap(reply.buffer, reply.start + GENL_HEADER_BYTES, reply.end).get(CTRL_ATTR.FAMILY_ID)
    return reply && id && reply.buffer.readUInt16LE(id.start)
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === 'ENOENT') return undefined
    throw error
  }
}

function withHeader(command: number, version: number, body: (writer: MessageWriter) => void) {
  return (writer: MessageWriter) => {
    writer.raw(Uint8Array.of(command, version, 0, 0))
    body(writer)
  }
}
