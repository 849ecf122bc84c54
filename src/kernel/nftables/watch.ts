import { attributeMap, readString } from '../netlink/attributes.ts'
import { NETLINK } from '../netlink/constants.ts'
import { NetlinkError } from '../netlink/error.ts'
import { type Message, messages } from '../netlink/message.ts'
import { NetlinkSocket, type NetlinkTransport } from '../netlink/socket.ts'
import { NFGENMSG_BYTES, NFNLGRP_NFTABLES, NFT_MSG, NFTA_GEN } from './constants.ts'
import { NFPROTO, type Table } from './types.ts'

/** Attribute 1 names the table in every notification but NEWGEN's. */
const TABLE_NAME_ATTRIBUTE = 1

export interface Watched {
  /** Tables among those asked for that somebody else changed. */
  readonly touched: ReadonlySet<Table>
  /** The last generation of which everything was seen; undefined when none was. */
  readonly generation: number | undefined
  /** Notifications were lost: anything may have changed. */
  readonly overrun: boolean
}

/** Listens to nf_tables notifications, to learn who else writes to our tables. */
export class NftablesWatch {
  readonly #open: () => NetlinkTransport
  readonly #writerPortId: number
  readonly #tables: readonly Table[]
  #transport: NetlinkTransport | undefined

  /** @param writerPortId the port id of our own writes, which are not reported. */
  constructor(tables: readonly Table[], writerPortId: number, open: () => NetlinkTransport = openWatch) {
    this.#tables = tables
    this.#writerPortId = writerPortId
    this.#open = open
  }

  get active(): boolean {
    return this.#transport !== undefined
  }

  /** Listens from now on. @throws NetlinkError */
  start(): void {
    this.#transport ??= this.#open()
  }

  /** Stops listening, for example because a large write of our own would only fill the buffer. */
  stop(): void {
    this.#transport?.close()
    this.#transport = undefined
  }

  /** Takes what has arrived; does not wait. */
  poll(): Watched {
    const touched = new Set<Table>()
    let generation: number | undefined
    let overrun = false
    for (;;) {
      let datagram: Buffer | undefined
      try {
        datagram = this.#transport?.receive()
      } catch (error) {
        if (!(error instanceof NetlinkError && error.code === 'NETLINK_OVERRUN')) throw error
        overrun = true
        continue
      }
      if (datagram === undefined) return { touched, generation, overrun }
      for (const message of messages(datagram)) {
        if (message.type === NFT_MSG.NEWGEN) generation = generationOf(message) ?? generation
        else if (message.portId !== this.#writerPortId) this.#touch(message, touched)
      }
    }
  }

  #touch(message: Message, touched: Set<Table>): void {
    const { buffer, start, end } = message
    const name = attributeMap(buffer, start + NFGENMSG_BYTES, end).get(TABLE_NAME_ATTRIBUTE)
    if (name === undefined) return
    for (const table of this.#tables) {
      if (NFPROTO[table.family] === buffer[start] && readString(buffer, name) === table.name) touched.add(table)
    }
  }
}

function generationOf({ buffer, start, end }: Message): number | undefined {
  const id = attributeMap(buffer, start + NFGENMSG_BYTES, end).get(NFTA_GEN.ID)
  return id && buffer.readUInt32BE(id.start)
}

function openWatch(): NetlinkTransport {
  return new NetlinkSocket({ protocol: NETLINK.NETFILTER, groups: [NFNLGRP_NFTABLES] })
}
