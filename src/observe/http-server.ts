import {
  type AnswerHttp,
  addressText,
  type BindAddress,
  type HttpListener,
  type ListenError,
  type ListenHttp,
  listenHttp,
} from './http-listener.ts'
import type { Logger } from './log.ts'
import type { StatusProblem } from './status.ts'

/** As kube-proxy tries again. Milliseconds. */
const RETRY_MS = 5000

export interface HttpServerOptions {
  /** What is served, for messages: `health` ... */
  readonly what: string
  /** What its problems are filed under: `healthz` ... */
  readonly object: string
  readonly address: BindAddress
  readonly answer: AnswerHttp
  readonly log: Logger
  /** The default opens a real listener. */
  readonly listen?: ListenHttp
}

/** Answers questions at one address; one that is taken is tried again until it is free. */
export class HttpServer {
  readonly #options: HttpServerOptions
  #listener: HttpListener | undefined
  #retry: NodeJS.Timeout | undefined
  #failure: ListenError | undefined
  #isClosed = false

  constructor(options: HttpServerOptions) {
    this.#options = options
  }

  /**
   * Listens now, or as soon as it can.
   *
   * @param hardFail throw instead of trying again
   * @throws ListenError with `hardFail`
   */
  async start(hardFail = false): Promise<void> {
    const { what, address, answer, log, listen = listenHttp } = this.#options
    try {
      this.#listener = await listen(address, answer)
    } catch (error) {
      if (hardFail) throw error
      if (this.#failure === undefined) log.error({ err: error }, `${what} is not served; it is tried again`)
      this.#failure = error as ListenError
      if (!this.#isClosed) {
        this.#retry = setTimeout(() => {
          void this.start()
        }, RETRY_MS)
      }
      return
    }
    if (this.#failure !== undefined) log.info(`${what} is served on ${addressText(address)} now`)
    this.#failure = undefined
    if (this.#isClosed) await this.close()
  }

  problems(): StatusProblem[] {
    if (this.#failure === undefined) return []
    const message = `${this.#failure.message}; it is tried again`
    return [{ severity: 'error', object: this.#options.object, field: '', message, origin: '' }]
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#retry)
    await this.#listener?.close()
    this.#listener = undefined
  }
}
