import type { ServerResponse } from 'node:http'
import type { Collection } from './collections.ts'
import type { Fault, Faults } from './faults.ts'
import type { SeenRequest } from './requests.ts'
import type { ApiError } from './status.ts'

/** How often a trickle flows. Milliseconds. */
const TRICKLE_MS = 50

/** One answer, on its way through the faults. */
export class Reply {
  readonly #response: ServerResponse
  readonly #seen: SeenRequest
  readonly #collection: Collection
  readonly #faults: Faults
  #isSilent = false
  #isCut = false
  /** What is still to trickle; undefined when it flows freely. */
  #trickle: { rest: Buffer; readonly bytesPerSecond: number; isEnded: boolean } | undefined

  constructor(response: ServerResponse, seen: SeenRequest, collection: Collection, faults: Faults) {
    this.#response = response
    this.#seen = seen
    this.#collection = collection
    this.#faults = faults
  }

  onClose(listener: () => void): void {
    this.#response.on('close', listener)
  }

  /** Sends the header. */
  begin(status = 200): void {
    this.#seen.status = status
    this.#response.statusCode = status
    this.#response.setHeader('content-type', 'application/json')
    this.#response.flushHeaders()
    this.#befall(this.#faults.onHeader(this.#collection, this.#seen.verb), '')
  }

  write(text: string): void {
    const isOver = this.#response.destroyed || this.#response.writableEnded
    if (this.#isSilent || this.#isCut || isOver) return
    const fault = this.#trickle === undefined ? this.#faults.onText(this.#collection, this.#seen.verb) : undefined
    if (!this.#befall(fault, text)) this.#send(text)
  }

  end(text: string): void {
    if (text !== '') this.write(text)
    if (this.#isSilent || this.#isCut) return
    if (this.#trickle === undefined) this.#response.end()
    else this.#trickle.isEnded = true
  }

  /** From now on nothing is sent nor read; the kernel alone still answers. */
  silence(): void {
    this.#isSilent = true
    this.#response.socket?.pause()
  }

  /** @returns true when the text is dealt with. */
  #befall(fault: Fault | undefined, text: string): boolean {
    if (fault?.kind === 'silence') {
      this.silence()
      return true
    }
    if (fault?.kind === 'trickle') {
      this.#trickle = { rest: Buffer.alloc(0), bytesPerSecond: fault.bytesPerSecond, isEnded: false }
      const timer = setInterval(() => this.#flow(), TRICKLE_MS)
      this.onClose(() => clearInterval(timer))
    }
    if (fault?.kind !== 'cut') return false
    this.#isCut = true
    this.#cut(text.slice(0, Math.ceil(text.length / 2)), fault.by)
    return true
  }

  #cut(half: string, by: 'end' | 'fin' | 'rst'): void {
    this.#seen.bytesSent += Buffer.byteLength(half)
    if (by === 'end') {
      this.#response.end(half)
      return
    }
    this.#response.write(half, () => close(this.#response, by))
  }

  #send(text: string): void {
    if (this.#trickle !== undefined) {
      this.#trickle.rest = Buffer.concat([this.#trickle.rest, Buffer.from(text)])
      return
    }
    this.#seen.bytesSent += Buffer.byteLength(text)
    this.#response.write(text)
  }

  #flow(): void {
    if (this.#trickle === undefined || this.#isSilent) return
    const { rest, bytesPerSecond, isEnded } = this.#trickle
    const now = rest.subarray(0, Math.max(1, Math.round((bytesPerSecond * TRICKLE_MS) / 1000)))
    this.#trickle.rest = rest.subarray(now.length)
    this.#seen.bytesSent += now.length
    if (now.length > 0) this.#response.write(now)
    else if (isEnded) this.#response.end()
  }
}

/** Answers with a Status. */
export function sendError(response: ServerResponse, seen: SeenRequest, error: ApiError): void {
  if (error.retryAfterSeconds !== undefined) response.setHeader('retry-after', String(error.retryAfterSeconds))
  sendBody(response, seen, error.code, JSON.stringify(error.status), 'application/json')
}

export function sendBody(
  response: ServerResponse,
  seen: SeenRequest,
  status: number,
  body: string,
  contentType: string,
): void {
  seen.status = status
  seen.bytesSent += Buffer.byteLength(body)
  response.statusCode = status
  response.setHeader('content-type', contentType)
  response.end(body)
}

/** Ends the connection below the answer. */
export function close(response: ServerResponse, by: 'fin' | 'rst'): void {
  if (by === 'fin') response.socket?.destroy()
  else response.socket?.resetAndDestroy()
}
