import { errnoName } from '../libc/errno.ts'
import { NLM_F, NLMSG } from './constants.ts'
import { NetlinkError } from './error.ts'
import { type Message, messages, readAcknowledgement } from './message.ts'
import type { NetlinkTransport } from './socket.ts'
import { MessageWriter } from './writer.ts'

/** How often a dump is begun again that changed while it was read. */
const DUMP_ATTEMPTS = 5

/** Asks the kernel one thing at a time, and has the whole answer when a call returns. */
export class NetlinkRequests {
  readonly #transport: NetlinkTransport
  #sequence = 1

  constructor(transport: NetlinkTransport) {
    this.#transport = transport
  }

  /**
   * Asks for one thing, or for a change.
   *
   * @param body writes what stands behind the netlink header.
   * @returns the replies before the acknowledgement, copied; empty for most changes.
   * @throws NetlinkError `NETLINK_REFUSED` with the kernel's errno, `NETLINK_SEND`, `NETLINK_PROTOCOL`
   */
  request(type: number, body: (writer: MessageWriter) => void): Message[] {
    return this.#exchange(type, NLM_F.ACK, body)
  }

  /**
   * Asks for a list.
   *
   * @throws NetlinkError as {@link request}, and `NETLINK_INTERRUPTED` when the list changed each time it was read.
   */
  dump(type: number, body: (writer: MessageWriter) => void): Message[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const found = this.#exchange(type, NLM_F.DUMP, body)
      if (!found.some((message) => message.flags & NLM_F.DUMP_INTR)) return found
    }
    throw new NetlinkError('NETLINK_INTERRUPTED', 'the list changed each time it was read')
  }

  close(): void {
    this.#transport.close()
  }

  #exchange(type: number, flags: number, body: (writer: MessageWriter) => void): Message[] {
    const writer = new MessageWriter(256)
    const sequence = this.#sequence++
    const start = writer.beginMessage(type, NLM_F.REQUEST | flags, sequence)
    body(writer)
    writer.endMessage(start)
    this.#transport.send(writer.bytes)
    const found: Message[] = []
    for (;;) {
      const datagram = this.#transport.receive()
      if (datagram === undefined) throw new NetlinkError('NETLINK_PROTOCOL', 'the kernel gave no complete answer')
      for (const message of messages(Buffer.from(datagram))) {
        if (message.sequence !== sequence) continue
        const isLast = message.type === NLMSG.DONE || message.type === NLMSG.ERROR
        if (!isLast) found.push(message)
        else {
          throwRefusal(message)
          return found
        }
      }
    }
  }
}

/** A list that fails midway ends with the errno where a whole one has 0 (netlink_dump_done). */
function throwRefusal(message: Message): void {
  const isDone = message.type === NLMSG.DONE
  const { errno, text } = isDone
    ? { errno: message.end - message.start < 4 ? 0 : -message.buffer.readInt32LE(message.start), text: '' }
    : readAcknowledgement(message)
  if (errno <= 0) return
  const name = errnoName(errno)
  throw new NetlinkError('NETLINK_REFUSED', `the kernel refused a request: ${name} ${text}`.trim(), { errno: name })
}
