import { NETLINK, NLMSG } from '../../src/kernel/netlink/constants.ts'
import { messages, readAcknowledgement } from '../../src/kernel/netlink/message.ts'
import { NetlinkSocket, type NetlinkTransport } from '../../src/kernel/netlink/socket.ts'
import { NFNL_MSG_BATCH_BEGIN } from '../../src/kernel/nftables/constants.ts'
import { BenchNetns } from './netns.ts'

/** Behind the message's header, struct nfgenmsg, and the header of the first attribute: the generation that is expected. */
const GENERATION_OFFSET = 24
const MESSAGE_TYPE_OFFSET = 4

/** A netlink socket that keeps the transactions that it sends, so that they can be sent again. */
export class RecordingTransport implements NetlinkTransport {
  readonly transactions: Uint8Array[] = []
  readonly #socket = new NetlinkSocket({ protocol: NETLINK.NETFILTER })

  get portId(): number {
    return this.#socket.portId
  }

  send(datagram: Uint8Array): void {
    this.#record(datagram)
    this.#socket.send(datagram)
  }

  async sendInBackground(datagram: Uint8Array): Promise<void> {
    this.#record(datagram)
    await this.#socket.sendInBackground(datagram)
  }

  receive(): Buffer | undefined {
    return this.#socket.receive()
  }

  async receiveInBackground(): Promise<Buffer | undefined> {
    return this.#socket.receiveInBackground()
  }

  close(): void {
    this.#socket.close()
  }

  /** A batch owns its buffer, so that keeping the window costs nothing. */
  #record(datagram: Uint8Array): void {
    if (typeOf(datagram) === NFNL_MSG_BATCH_BEGIN) this.transactions.push(datagram)
  }
}

/**
 * Sends transactions to a kernel that has no ruleset: what the messages alone cost.
 *
 * @returns milliseconds until the last acknowledgement.
 * @throws Error when the kernel refuses one
 */
export function replay(transactions: readonly Uint8Array[]): number {
  const netns = new BenchNetns()
  const socket = netns.run(() => new NetlinkSocket({ protocol: NETLINK.NETFILTER }))
  const datagrams = transactions.map((transaction) => {
    const datagram = Buffer.from(transaction)
    // Whatever the generation is.
    datagram.writeUInt32BE(0, GENERATION_OFFSET)
    return datagram
  })
  try {
    const start = performance.now()
    for (const datagram of datagrams) {
      socket.send(datagram)
      expectAcknowledgement(socket)
    }
    return performance.now() - start
  } finally {
    socket.close()
    netns.close()
  }
}

function expectAcknowledgement(socket: NetlinkSocket): void {
  let isAcknowledged = false
  for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
    for (const message of messages(datagram)) {
      if (message.type !== NLMSG.ERROR) continue
      const { errno } = readAcknowledgement(message)
      if (errno !== 0) throw new Error(`the kernel refused a recorded transaction: errno ${errno}`)
      isAcknowledged = true
    }
  }
  if (!isAcknowledged) throw new Error('the kernel did not acknowledge a recorded transaction')
}

function typeOf(datagram: Uint8Array): number {
  return Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength).readUInt16LE(MESSAGE_TYPE_OFFSET)
}
