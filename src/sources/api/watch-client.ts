import { setTimeout as delay } from 'node:timers/promises'
import { grpcAddressText } from '../../grpc/address.ts'
import { ClientCall, type GrpcTarget } from '../../grpc/client.ts'
import { isGrpcError } from '../../grpc/error.ts'
import { isWireError, WireError } from '../../model/wire/error.ts'
import { readOp } from '../../model/wire/op.ts'
import { type Api, WATCH_METHOD, watchRequest } from '../../model/wire/requests.ts'
import { SourceError } from '../error.ts'
import { type RetryRange, retryDelay } from '../retry-delay.ts'
import type { Group, HeldValues } from './held-values.ts'

export interface WatchClientOptions {
  readonly api: Api
  readonly target: GrpcTarget
  /** Whose state, of the local API. */
  readonly nodeName: string
  readonly held: HeldValues
  /** Groups that are different now; possibly none. The next change set is asked for when this resolved. */
  readonly onChanges: (changed: ReadonlyMap<string, Group>) => Promise<void>
  /** Why there is no stream; undefined when there is one again. */
  readonly onState: (failure: SourceError | undefined) => void
  readonly retryMs?: RetryRange
  /** How long a peer may be silent in the middle of a change set, in milliseconds. */
  readonly silenceMs?: number
}

const RETRY_MS: RetryRange = [250, 10_000]
const SILENCE_MS = 60_000

/**
 * Keeps a stream of change sets from a server. While there is none, everything stays as it was told; a new one begins with the whole
 * state, of which only the difference counts.
 */
export class WatchClient {
  readonly #options: WatchClientOptions
  #failures = 0

  constructor(options: WatchClientOptions) {
    this.#options = options
  }

  /** Where the server is. */
  get origin(): string {
    return grpcAddressText(this.#options.target.address)
  }

  /** Runs until it is aborted; tries again whatever fails. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const isOver = () => signal.aborted
    while (!isOver()) {
      const failure = await this.#stream(signal)
      if (isOver()) return
      this.#options.onState(failure)
      const pause = retryDelay(this.#options.retryMs ?? RETRY_MS, this.#failures++)
      await delay(pause, undefined, { signal }).catch(() => undefined)
    }
  }

  /** @returns why it ended. */
  async #stream(signal: AbortSignal): Promise<SourceError> {
    const { api, target, nodeName, held } = this.#options
    const call = ClientCall.open(target, WATCH_METHOD[api], signal)
    const silence = new Silence(this.#options.silenceMs ?? SILENCE_MS, () => call.close())
    try {
      held.begin()
      call.send(watchRequest(api, nodeName))
      for await (const messages of call.messages()) {
        silence.heard()
        for (const message of messages) {
          if (!this.#take(message)) continue
          silence.end()
          await this.#sync(signal)
          call.send(watchRequest(api, nodeName))
        }
      }
      return new SourceError('SOURCE_UNREACHABLE', this.origin, 'it ended the stream')
    } catch (error) {
      return this.#sourceError(silence.isOver ? new Error('it fell silent in the middle of a change set') : error)
    } finally {
      silence.end()
      call.close()
    }
  }

  /** @returns true when the change set is complete. @throws WireError */
  #take(message: Buffer): boolean {
    const { held } = this.#options
    const op = readOp(message)
    switch (op.kind) {
      case 'sync':
        return true
      case 'reset':
        held.begin()
        return false
      case 'set':
        held.set(op.set, op.path, op.bytes)
        return false
      case 'delete':
        held.delete(op.set, op.path)
        return false
    }
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { held, onChanges, onState } = this.#options
    const changed = held.sync()
    if (signal.aborted) return
    await onChanges(changed)
    this.#failures = 0
    onState(undefined)
  }

  #sourceError(error: unknown): SourceError {
    const { message } = error as Error
    // The door's messages name the peer already.
    const reason = isGrpcError(error) ? message.replace(`${this.origin} `, '') : message
    const isRefused = error instanceof WireError || (isGrpcError(error) && error.code !== 'GRPC_UNREACHABLE')
    const text = isWireError(error) ? `it does not speak the API: ${reason}` : reason
    return new SourceError(isRefused ? 'SOURCE_REFUSED' : 'SOURCE_UNREACHABLE', this.origin, text, error)
  }
}

/** Notices that a peer fell silent before it ended what it began. */
class Silence {
  readonly #milliseconds: number
  readonly #onOver: () => void
  #timer: NodeJS.Timeout | undefined
  isOver = false

  constructor(milliseconds: number, onOver: () => void) {
    this.#milliseconds = milliseconds
    this.#onOver = onOver
  }

  heard(): void {
    if (this.#timer !== undefined) this.#timer.refresh()
    else {
      this.#timer = setTimeout(() => {
        this.isOver = true
        this.#onOver()
      }, this.#milliseconds)
    }
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
