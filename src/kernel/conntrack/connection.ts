import { errnoName } from '../libc/errno.ts'
import { NETLINK, NLM_F, NLMSG } from '../netlink/constants.ts'
import { NetlinkError } from '../netlink/error.ts'
import { messages, readAcknowledgement } from '../netlink/message.ts'
import { NetlinkSocket, type NetlinkTransport } from '../netlink/socket.ts'
import { MessageWriter } from '../netlink/writer.ts'
import { CT_MSG } from './constants.ts'
import { ConntrackError } from './error.ts'
import { type FlowKey, type ReceivedFlow, readFlow } from './flow.ts'
import { writeDelete, writeDump } from './requests.ts'

/** Entries that are deleted with one system call. */
const DELETES_A_DATAGRAM = 1000
const ENOENT = 2
/** One that IANA keeps for experiments (RFC 3692), which no entry has. */
const UNUSED_PROTOCOL = 253
/** How a kernel answers a filter that it does not know, or ctnetlink itself when it has none. */
const UNSUPPORTED = new Set(['EINVAL', 'EOPNOTSUPP'])

/** What became of entries that were to be deleted. */
export interface Deletion {
  readonly deleted: number
  /** `CONNTRACK_DELETE` when the kernel refused some, for example those that hardware has taken over; else undefined. */
  readonly failure: ConntrackError | undefined
}

/**
 * A connection to ctnetlink in the network namespace of the thread that opened it. One call at a time: the next begins when
 * the one before has settled, or its flows were all taken.
 */
export class ConntrackConnection {
  readonly #transport: NetlinkTransport
  readonly #writer = new MessageWriter()
  #sequence = 1
  #canFilter = true

  constructor(transport: NetlinkTransport) {
    this.#transport = transport
  }

  /** @throws NetlinkError `NETLINK_UNSUPPORTED`, `NETLINK_PERMISSION` */
  static open(): ConntrackConnection {
    return new ConntrackConnection(new NetlinkSocket({ protocol: NETLINK.NETFILTER }))
  }

  /**
   * The entries of one family, in batches of a few hundred at most; other work runs between two batches. A kernel that
   * can filter (5.8 or newer) gives those of the protocol only, others give all. Entries that come or go meanwhile may
   * be there or not, and one may be there twice.
   *
   * @throws ConntrackError `CONNTRACK_UNSUPPORTED`, `CONNTRACK_READ`
   * @throws NetlinkError
   */
  async *flows(family: 4 | 6, protocol: number): AsyncGenerator<Iterable<ReceivedFlow>> {
    if (this.#canFilter) {
      try {
        yield* this.#dump(family, protocol)
        return
      } catch (error) {
        if (!isUnsupported(error)) throw error
      }
    }
    // Without a filter; when that fails, too, the filter was not at fault.
    try {
      yield* this.#dump(family, undefined)
    } catch (error) {
      if (!isUnsupported(error)) throw error
      throw new ConntrackError('CONNTRACK_UNSUPPORTED', `this kernel has no ctnetlink (${error.errno})`, {
        errno: error.errno,
        cause: error,
      })
    }
    this.#canFilter = false
  }

  /**
   * Makes the kernel load what tracks connections, if it is a module that is not there yet: only then do the settings below
   * /proc/sys/net/netfilter exist.
   *
   * @throws as {@link flows}
   */
  async load(): Promise<void> {
    for await (const _ of this.flows(4, UNUSED_PROTOCOL));
  }

  /**
   * Deletes entries. One that is gone already, or whose place a newer one has taken, is left alone.
   *
   * @throws ConntrackError `CONNTRACK_DELETE` when the kernel gave no answer
   * @throws NetlinkError
   */
  async deleteFlows(keys: readonly FlowKey[]): Promise<Deletion> {
    let deleted = 0
    const refused: number[] = []
    for (let from = 0; from < keys.length; from += DELETES_A_DATAGRAM) {
      const chunk = keys.slice(from, from + DELETES_A_DATAGRAM)
      const failures = await this.#deleteChunk(chunk)
      deleted += chunk.length - failures.length
      refused.push(...failures.filter((errno) => errno !== ENOENT))
    }
    const [first] = refused
    if (first === undefined) return { deleted, failure: undefined }
    const errno = errnoName(first)
    const message = `${refused.length} of ${keys.length} entries were not deleted: ${errno}`
    return { deleted, failure: new ConntrackError('CONNTRACK_DELETE', message, { errno }) }
  }

  close(): void {
    this.#transport.close()
  }

  async *#dump(family: 4 | 6, protocol: number | undefined): AsyncGenerator<Iterable<ReceivedFlow>> {
    await this.#discardReplies()
    const sequence = this.#sequence++
    this.#writer.reset()
    writeDump(this.#writer, sequence, family, protocol)
    // The kernel makes the first piece of a dump while it takes the request.
    await this.#transport.sendInBackground(this.#writer.bytes)
    for (;;) {
      const datagram = await this.#transport.receiveInBackground()
      if (datagram === undefined) throw new ConntrackError('CONNTRACK_READ', 'ctnetlink gave no complete answer')
      const batch: ReceivedFlow[] = []
      let isDone = false
      for (const message of messages(datagram)) {
        if (message.sequence !== sequence) continue
        if (message.type === NLMSG.DONE) isDone = true
        else if (message.type === NLMSG.ERROR) throw readError(readAcknowledgement(message))
        else if (message.type === CT_MSG.NEW) {
          const flow = readFlow(message)
          if (flow !== undefined) batch.push(flow)
        }
      }
      if (batch.length > 0) yield batch
      if (isDone) return
    }
  }

  /** @returns the errnos of the entries that were not deleted. */
  async #deleteChunk(keys: readonly FlowKey[]): Promise<number[]> {
    await this.#discardReplies()
    this.#writer.reset()
    const first = this.#sequence
    for (const key of keys) {
      const isLast = this.#sequence - first === keys.length - 1
      writeDelete(this.#writer, this.#sequence++, key, isLast ? NLM_F.ACK : 0)
    }
    await this.#transport.sendInBackground(this.#writer.bytes)
    const failures: number[] = []
    let isAnswered = false
    for (;;) {
      const datagram = this.#transport.receive()
      if (datagram === undefined) break
      for (const message of messages(datagram)) {
        if (message.type !== NLMSG.ERROR || message.sequence < first) continue
        const { errno, sequence } = readAcknowledgement(message)
        if (errno !== 0) failures.push(errno)
        if (sequence === this.#sequence - 1) isAnswered = true
      }
    }
    if (!isAnswered) throw new ConntrackError('CONNTRACK_DELETE', 'ctnetlink did not say whether it deleted entries')
    return failures
  }

  /** What a call that was given up left in the socket must not be taken for the next one's answer. */
  async #discardReplies(): Promise<void> {
    for (;;) {
      try {
        if ((await this.#transport.receiveInBackground()) === undefined) return
      } catch (error) {
        if (!(error instanceof NetlinkError && error.code === 'NETLINK_OVERRUN')) throw error
      }
    }
  }
}

function readError({ errno, text }: { readonly errno: number; readonly text: string }): ConntrackError {
  const name = errnoName(errno)
  return new ConntrackError('CONNTRACK_READ', `ctnetlink does not list its entries: ${name} ${text}`.trim(), {
    errno: name,
  })
}

function isUnsupported(error: unknown): error is ConntrackError {
  return error instanceof ConntrackError && error.code === 'CONNTRACK_READ' && UNSUPPORTED.has(error.errno)
}
