import { errnoNumber } from '../../libc/errno.ts'
import { attributeMap } from '../../netlink/attributes.ts'
import { NLM_F } from '../../netlink/constants.ts'
import type { Message } from '../../netlink/message.ts'
import { NFGENMSG_BYTES, NFNL_BATCH_GENID, NFNL_MSG_BATCH_END, NFT_MSG } from '../constants.ts'
import { applyRequest } from './apply.ts'
import type { Attempt, Change, FakeOperation } from './changes.ts'
import { hasLoop } from './loops.ts'
import type { Answer } from './replies.ts'
import { parseRequest, Refused } from './request.ts'
import type { FakeStore } from './store.ts'

/** An error that a test wants the kernel to give. */
export interface Failure {
  /** Symbolic, for example `ENOMEM`. */
  readonly errno: string
  /** Number of the message in the batch, from 1; 0 for the batch as such. 1 by default. */
  readonly message?: number
  /** Of the attribute at fault, from the message's header; 0 by default, which the kernel does not report. */
  readonly offset?: number
  /** The kernel's own words; empty by default. */
  readonly text?: string
}

export interface TransactOptions {
  readonly generation: number
  readonly failure: Failure | undefined
  /** @returns an errno for what a test wants refused. */
  readonly refuses: (operation: FakeOperation) => string | undefined
}

export interface Outcome {
  readonly answers: readonly Answer[]
  /** Empty when nothing was done. */
  readonly changes: readonly Change[]
}

/**
 * Carries out a batch: all of it, or nothing (nfnetlink_rcv_batch). Messages behind one that was refused are tried, too, so that
 * every error is reported. The store is left uncommitted when there are changes.
 */
export function transact(store: FakeStore, batch: readonly Message[], options: TransactOptions): Outcome {
  const [begin] = batch
  if (begin === undefined) return { answers: [], changes: [] }
  const refused = (errno: string, text = ''): Outcome => {
    return { answers: [{ to: begin, errno: errnoNumber(errno), text }], changes: [] }
  }
  const { failure } = options
  if (failure?.message === 0) return refused(failure.errno, failure.text)
  const asked = generationOf(begin)
  if (asked !== 0 && asked !== options.generation) return refused('ERESTART')
  const first = attempt(store, batch, options, false)
  const needsValidation = first.changes.some(
    (change) => change.isNew && (change.what === 'rule' || change.what === 'element'),
  )
  if (!needsValidation || !hasLoop(store)) return first
  // The kernel starts again, and looks for loops at every message, to say which one it was.
  store.abort()
  return attempt(store, batch, options, true)
}

function generationOf({ buffer, start, end }: Message): number {
  const id = attributeMap(buffer, start + NFGENMSG_BYTES, end).get(NFNL_BATCH_GENID)
  return id === undefined ? 0 : buffer.readUInt32BE(id.start)
}

function attempt(store: FakeStore, batch: readonly Message[], options: TransactOptions, validates: boolean): Outcome {
  const answers: Answer[] = []
  const changes: Change[] = []
  const sets: Attempt['sets'] = new Map()
  const check = (operation: FakeOperation, offset: number): void => {
    const errno = options.refuses(operation)
    if (errno !== undefined) throw new Refused(errno, offset)
  }
  let isEnded = false
  let isRefused = false
  for (const [index, message] of batch.entries()) {
    if (index === 0) continue
    if (message.type === NFNL_MSG_BATCH_END) {
      isEnded = true
      break
    }
    const answer = attemptMessage({ store, sets, changes, check }, message, index, options.failure, validates)
    isRefused ||= answer.errno !== 0
    if (answer.errno !== 0 || message.flags & NLM_F.ACK) answers.push(answer)
  }
  // The answers are given also when there is no end, and so nothing is done.
  if (isEnded && !isRefused) return { answers, changes }
  store.abort()
  return { answers, changes: [] }
}

function attemptMessage(
  state: Attempt,
  message: Message,
  index: number,
  failure: Failure | undefined,
  validates: boolean,
): Answer {
  if (failure !== undefined && (failure.message ?? 1) === index) {
    return { to: message, errno: errnoNumber(failure.errno), offset: failure.offset ?? 0, text: failure.text ?? '' }
  }
  try {
    applyRequest(state, parseRequest(message))
    const canLoop = message.type === NFT_MSG.NEWRULE || message.type === NFT_MSG.NEWSETELEM
    if (validates && canLoop && hasLoop(state.store)) throw new Refused('EMLINK')
    return { to: message, errno: 0 }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { to: message, errno: error.errno, offset: error.offset }
  }
}
