import { errnoName, errnoNumber } from '../../libc/errno.ts'
import { FakeTransport } from '../../netlink/fake-transport.ts'
import { type Message, messages } from '../../netlink/message.ts'
import type { NetlinkBatch } from '../batch.ts'
import { NFNL_MSG_BATCH_BEGIN, NFT_MSG } from '../constants.ts'
import type { Change, FakeOperation } from './changes.ts'
import { encodeChange, encodeGeneration } from './encode.ts'
import { answerQuery } from './queries.ts'
import { type Answer, datagrams, encodeAnswer } from './replies.ts'
import { parseRequest, Refused } from './request.ts'
import { type Ruleset, rulesetOf } from './ruleset.ts'
import { FakeStore } from './store.ts'
import { type Failure, transact } from './transact.ts'

/** Bytes of a datagram with notifications (NLMSG_GOODSIZE). */
const NOTIFICATION_BYTES = 3776

const REQUEST_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(NFT_MSG).map(([name, type]) => [type, name]))

/**
 * nf_tables of one network namespace, without a kernel: it takes the bytes that a netlink socket takes, carries batches out
 * with the kernel's rules, and answers and notifies in bytes. What it does was compared with Linux 6.18. It forwards no
 * packets, elements do not expire, and it knows expressions only as far as they refer to sets and chains.
 */
export class FakeKernel {
  /** As a kernel without nf_tables: every request is refused. */
  unsupported = false
  /**
   * Called with each datagram before it is carried out: `commit` for a batch, `GETTABLE` ... otherwise. What is written
   * from here comes first, as somebody else's change does that comes in between.
   */
  onRequest: ((request: string) => void) | undefined
  readonly #store = new FakeStore()
  readonly #watchers = new Set<FakeTransport>()
  readonly #refusals = new Set<(operation: FakeOperation) => string | undefined>()
  readonly #failures: Failure[] = []
  #generation: number
  #nextPortId = 1000
  #transactions = 0
  #overrunsNext = false

  constructor(options: { generation?: number } = {}) {
    this.#generation = options.generation ?? 1
  }

  /** Every commit adds one. */
  get generation(): number {
    return this.#generation
  }

  /** Batches that changed something, by anybody. */
  get transactions(): number {
    return this.#transactions
  }

  /** Opens a socket for requests. */
  transport(): FakeTransport {
    const transport: FakeTransport = new FakeTransport(this.#nextPortId++, (datagram) => {
      this.onRequest?.(requestName(datagram))
      const replies = this.#process(datagram, transport.portId)
      if (this.#overrunsNext) transport.overrun()
      else transport.deliver(replies)
      this.#overrunsNext = false
    })
    return transport
  }

  /** Opens a socket that gets notifications from now on. */
  watchTransport(): FakeTransport {
    const transport: FakeTransport = new FakeTransport(
      this.#nextPortId++,
      () => {},
      () => this.#watchers.delete(transport),
    )
    this.#watchers.add(transport)
    return transport
  }

  /** Commits as somebody else. @throws Error when it is refused */
  foreign(batch: NetlinkBatch): void {
    const answers = this.#commit([...messages(batch.finish(0))], this.#nextPortId++, false)
    const failed = answers.find(({ errno }) => errno !== 0)
    if (failed !== undefined) throw new Error(`the foreign batch was refused: ${errnoName(failed.errno)}`)
  }

  /** Lets the next batch fail; called several times, the one after it, too. */
  failNext(failure: Failure): void {
    this.#failures.push(failure)
  }

  /** Carries the next request out, but loses the replies to it. */
  overrunNext(): void {
    this.#overrunsNext = true
  }

  /** Loses the notifications that nobody has read yet. */
  overrunWatchers(): void {
    for (const watcher of this.#watchers) watcher.overrun()
  }

  /**
   * Refuses from now on what `errnoOf` gives an errno for.
   *
   * @returns ends it.
   */
  refuse(errnoOf: (operation: FakeOperation) => string | undefined): () => void {
    // A function of its own, so that the same one may be given twice.
    const refusal = (operation: FakeOperation) => errnoOf(operation)
    this.#refusals.add(refusal)
    return () => this.#refusals.delete(refusal)
  }

  /** What there is, for assertions: a copy. */
  ruleset(): Ruleset {
    return rulesetOf(this.#store)
  }

  #process(datagram: Buffer, portId: number): Buffer[] {
    const all = [...messages(datagram)]
    if (all[0]?.type === NFNL_MSG_BATCH_BEGIN) {
      return this.#commit(all, portId, true).map((answer) => encodeAnswer(answer, portId))
    }
    return all.flatMap((message) => this.#query(message, portId))
  }

  #commit(batch: readonly Message[], portId: number, injects: boolean): readonly Answer[] {
    const [begin] = batch
    if (this.unsupported && begin !== undefined) {
      return [{ to: begin, errno: errnoNumber('EOPNOTSUPP') }]
    }
    const { answers, changes } = transact(this.#store, batch, {
      generation: this.#generation,
      failure: injects ? this.#failures.shift() : undefined,
      refuses: (operation) => (injects ? this.#refusal(operation) : undefined),
    })
    if (changes.length === 0) return answers
    this.#store.commit()
    this.#transactions++
    // 0 means "any generation" in a batch, so that no ruleset has it.
    this.#generation = (this.#generation + 1) >>> 0 || 1
    this.#notify(changes, portId, begin?.sequence ?? 0)
    return answers
  }

  #refusal(operation: FakeOperation): string | undefined {
    for (const errnoOf of this.#refusals) {
      const errno = errnoOf(operation)
      if (errno !== undefined) return errno
    }
    return undefined
  }

  #notify(changes: readonly Change[], portId: number, sequence: number): void {
    if (this.#watchers.size === 0) return
    const envelope = { portId, sequence, flags: 0, generation: this.#generation }
    const encoded = changes.map((change) => encodeChange(envelope, change))
    const parts = [...datagrams(encoded, NOTIFICATION_BYTES), encodeGeneration(envelope)]
    for (const watcher of this.#watchers) watcher.deliver(parts)
  }

  #query(message: Message, portId: number): Buffer[] {
    const refused = (errno: string | number, offset: number) => {
      return [
        encodeAnswer({ to: message, errno: typeof errno === 'string' ? errnoNumber(errno) : errno, offset }, portId),
      ]
    }
    if (this.unsupported) return refused('EINVAL', 0)
    try {
      return answerQuery(this.#store, parseRequest(message), this.#generation, portId)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      return refused(error.errno, error.offset)
    }
  }
}

function requestName(datagram: Buffer): string {
  for (const { type } of messages(datagram)) {
    return type === NFNL_MSG_BATCH_BEGIN ? 'commit' : (REQUEST_NAMES.get(type) ?? String(type))
  }
  return ''
}
