import { setImmediate } from 'node:timers/promises'
import { errnoName } from '../libc/errno.ts'
import { attributeMap } from '../netlink/attributes.ts'
import { NETLINK, NLM_F, NLMSG } from '../netlink/constants.ts'
import { NetlinkError } from '../netlink/error.ts'
import { type Acknowledgement, type Message, messages, readAcknowledgement } from '../netlink/message.ts'
import { NetlinkSocket, type NetlinkTransport } from '../netlink/socket.ts'
import { MessageWriter } from '../netlink/writer.ts'
import { type NetlinkBatch, nfgenmsg } from './batch.ts'
import { NFGENMSG_BYTES, NFT_MSG, NFTA_GEN, NFTA_RULE, NFTA_SET, NFTA_SET_ELEM_LIST } from './constants.ts'
import {
  type ReadChain,
  type ReadElement,
  type ReadRule,
  type ReadSet,
  readChain,
  readElements,
  readRule,
  readSet,
  readTable,
} from './decode.ts'
import { NftablesError } from './error.ts'
import { explainRefusals, refusalText } from './refusal.ts'
import { NFPROTO, type Table, type TableFamily } from './types.ts'

/** A batch larger than this is sent from another thread, so that the event loop stays free. Bytes. */
const BACKGROUND_BYTES = 256 << 10
/** How long a dump may hold the event loop before it lets others run. Milliseconds. */
const SLICE_MS = 8
const ERESTART = 85
const ENOENT = 2
const EINTR = 4
/** Errors by which a kernel without nf_tables answers (nfnetlink_rcv_msg, nfnetlink_rcv_batch). */
const UNSUPPORTED = new Set(['EINVAL', 'EOPNOTSUPP', 'EPROTONOSUPPORT', 'ENOSYS'])

/** Everything in a table but its elements. */
export interface TableState {
  readonly flags: number
  readonly chains: readonly ReadChain[]
  /** In the order in which the kernel runs them, chain by chain. */
  readonly rules: readonly ReadRule[]
  readonly sets: readonly ReadSet[]
}

/**
 * A connection to nf_tables in the network namespace of the thread that opened it. Calls are carried out one after the
 * other in the order in which they were made.
 */
export class NftablesConnection {
  readonly #transport: NetlinkTransport
  readonly #writer = new MessageWriter()
  #sequence = 1
  #tail: Promise<unknown> = Promise.resolve()

  constructor(transport: NetlinkTransport) {
    this.#transport = transport
  }

  /** @throws NetlinkError `NETLINK_UNSUPPORTED`, `NETLINK_PERMISSION` */
  static open(): NftablesConnection {
    return new NftablesConnection(new NetlinkSocket({ protocol: NETLINK.NETFILTER }))
  }

  /** Notifications carry it when we are the writer. */
  get portId(): number {
    return this.#transport.portId
  }

  close(): void {
    this.#transport.close()
  }

  /** The ruleset's generation; every commit by anybody adds one. */
  async generation(): Promise<number> {
    return this.#exclusive(async () => {
      let generation = 0
      await this.#query(
        NFT_MSG.GETGEN,
        0,
        () => {},
        (message) => {
          const id = attributeMap(message.buffer, message.start + NFGENMSG_BYTES, message.end).get(NFTA_GEN.ID)
          if (id !== undefined) generation = message.buffer.readUInt32BE(id.start)
        },
      )
      return generation
    })
  }

  /**
   * Commits the batch: all of it, or nothing.
   *
   * @param generation that the ruleset must still have; 0 does not ask.
   * @throws NftablesError `NFT_STALE`, `NFT_REFUSED`, `NFT_UNACKNOWLEDGED`, `NFT_UNSUPPORTED`
   * @throws NetlinkError `NETLINK_SEND`
   */
  async commit(batch: NetlinkBatch, generation = 0): Promise<void> {
    if (batch.operations === 0) return
    await this.#exclusive(async () => {
      this.#discardReplies()
      const bytes = batch.finish(generation)
      if (bytes.length > BACKGROUND_BYTES) await this.#transport.sendInBackground(bytes)
      else this.#transport.send(bytes)
      this.#settle(batch, bytes)
    })
  }

  /** The names of all tables of a family. */
  async tableNames(family: TableFamily): Promise<string[]> {
    return this.#exclusive(async () => {
      const names: string[] = []
      await this.#query(
        NFT_MSG.GETTABLE,
        NFPROTO[family],
        () => {},
        (message) => names.push(readTable(message).name),
      )
      return names
    })
  }

  /** What the table holds besides elements; undefined when there is no such table. */
  async readTable(table: Table): Promise<TableState | undefined> {
    return this.#exclusive(async () => {
      const family = NFPROTO[table.family]
      let flags: number | undefined
      await this.#query(
        NFT_MSG.GETTABLE,
        family,
        () => {},
        (message) => {
          const read = readTable(message)
          if (read.name === table.name) flags = read.flags
        },
      )
      if (flags === undefined) return undefined
      const chains: ReadChain[] = []
      const rules: ReadRule[] = []
      const sets: ReadSet[] = []
      await this.#query(
        NFT_MSG.GETCHAIN,
        family,
        () => {},
        (message) => chains.push(readChain(message)),
      )
      const named = (attribute: number) => (writer: MessageWriter) => writer.string(attribute, table.name)
      await this.#query(NFT_MSG.GETRULE, family, named(NFTA_RULE.TABLE), (message) => rules.push(readRule(message)))
      await this.#query(NFT_MSG.GETSET, family, named(NFTA_SET.TABLE), (message) => sets.push(readSet(message)))
      const ours = (object: { readonly table: string }) => object.table === table.name
      return { flags, chains: chains.filter(ours), rules: rules.filter(ours), sets: sets.filter(ours) }
    })
  }

  /**
   * Visits the elements of a set, letting other work run in between. An element may be visited twice when somebody else
   * writes meanwhile: compare the generation before and after.
   */
  async readElements(table: Table, set: string, visit: (element: ReadElement) => void): Promise<void> {
    await this.#exclusive(async () => {
      await this.#query(
        NFT_MSG.GETSETELEM,
        NFPROTO[table.family],
        (writer) => {
          writer.string(NFTA_SET_ELEM_LIST.TABLE, table.name)
          writer.string(NFTA_SET_ELEM_LIST.SET, set)
        },
        (message) => {
          for (const element of readElements(message)) visit(element)
        },
      )
    })
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work)
    this.#tail = result.catch(() => undefined)
    return result
  }

  /** Sends one request and visits its replies; ENOENT is an empty answer. */
  async #query(
    type: number,
    family: number,
    request: (writer: MessageWriter) => void,
    visit: (message: Message) => void,
  ): Promise<void> {
    this.#discardReplies()
    const sequence = this.#sequence++
    const writer = this.#writer
    writer.reset()
    const isDump = type !== NFT_MSG.GETGEN
    const start = writer.beginMessage(type, NLM_F.REQUEST | (isDump ? NLM_F.DUMP : NLM_F.ACK), sequence)
    writer.raw(nfgenmsg(family, 0))
    request(writer)
    writer.endMessage(start)
    this.#transport.send(writer.bytes)
    let sliceStart = performance.now()
    for (;;) {
      const datagram = this.#transport.receive()
      if (datagram === undefined) throw new NftablesError('NFT_READ', 'nf_tables gave no complete answer')
      for (const message of messages(datagram)) {
        if (message.sequence !== sequence) continue
        if (message.type === NLMSG.DONE) return
        if (message.type === NLMSG.ERROR) return this.#finishQuery(readAcknowledgement(message))
        visit(message)
      }
      if (performance.now() - sliceStart > SLICE_MS) {
        await setImmediate()
        sliceStart = performance.now()
      }
    }
  }

  #finishQuery({ errno, text }: Acknowledgement): void {
    if (errno === 0 || errno === ENOENT) return
    if (errno === EINTR) throw new NetlinkError('NETLINK_INTERRUPTED', 'the ruleset changed while it was read')
    throw unsupportedOr('NFT_READ', errno, `nf_tables cannot be read: ${errnoName(errno)} ${text}`.trim())
  }

  #settle(batch: NetlinkBatch, bytes: Buffer): void {
    const failures: Acknowledgement[] = []
    let acknowledged = false
    for (const acknowledgement of this.#acknowledgements()) {
      if (acknowledgement.errno !== 0) failures.push(acknowledgement)
      else if (acknowledgement.sequence === batch.lastSequence) acknowledged = true
    }
    if (failures.some((failure) => failure.errno === ERESTART)) {
      throw new NftablesError('NFT_STALE', 'somebody else changed the ruleset meanwhile')
    }
    const [first] = failures
    if (first !== undefined) {
      const refusals = explainRefusals(bytes, failures)
      const [refusal] = refusals
      const count = refusals.length > 1 ? ` (and ${refusals.length - 1} more)` : ''
      const message = `the kernel refused: ${refusal ? refusalText(refusal) : ''}${count}`
      if (first.sequence === 0) throw unsupportedOr('NFT_REFUSED', first.errno, message)
      throw new NftablesError('NFT_REFUSED', message, { refusals })
    }
    if (!acknowledged) {
      throw new NftablesError('NFT_UNACKNOWLEDGED', 'the kernel did not say whether it took the transaction')
    }
  }

  #acknowledgements(): Acknowledgement[] {
    const found: Acknowledgement[] = []
    try {
      for (let datagram = this.#transport.receive(); datagram !== undefined; datagram = this.#transport.receive()) {
        for (const message of messages(datagram)) {
          if (message.type === NLMSG.ERROR) found.push(readAcknowledgement(message))
        }
      }
    } catch (error) {
      throw new NftablesError('NFT_UNACKNOWLEDGED', 'the kernel dropped its answers', { cause: error })
    }
    return found
  }

  /** What an interrupted call left in the socket must not be taken for the next one's answer. */
  #discardReplies(): void {
    for (;;) {
      try {
        if (this.#transport.receive() === undefined) return
      } catch (error) {
        if (!(error instanceof NetlinkError && error.code === 'NETLINK_OVERRUN')) throw error
      }
    }
  }
}

function unsupportedOr(code: 'NFT_READ' | 'NFT_REFUSED', errno: number, message: string): NftablesError {
  const name = errnoName(errno)
  if (!UNSUPPORTED.has(name)) return new NftablesError(code, message)
  return new NftablesError(
    'NFT_UNSUPPORTED',
    `this kernel has no nf_tables (${name}); it needs CONFIG_NF_TABLES, CONFIG_NFT_NAT and the module nf_tables`,
  )
}
