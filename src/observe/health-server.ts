import type { HealthPage, ProxyHealth } from './health.ts'
import {
  addressText,
  type BindAddress,
  type HttpAnswer,
  type HttpListener,
  type HttpQuestion,
  type ListenError,
  type ListenHttp,
  listenHttp,
} from './http-listener.ts'
import type { Logger } from './log.ts'
import type { StatusProblem } from './status.ts'

/** As kube-proxy tries again. Milliseconds. */
const RETRY_MS = 5000

/** kube-proxy's `/healthz` and `/livez`, and our `/readyz`. */
const PAGES: { readonly [path: string]: (health: ProxyHealth) => HealthPage } = {
  '/healthz': (health) => health.healthz(),
  '/livez': (health) => health.livez(),
  '/readyz': (health) => health.readyz(),
}

/** 200 or 503 with a report; 404 on any other path. Every method is answered alike. */
function healthAnswer(health: ProxyHealth, { path }: HttpQuestion): HttpAnswer {
  const headers = { 'X-Content-Type-Options': 'nosniff' }
  const page = Object.hasOwn(PAGES, path) ? PAGES[path]?.(health) : undefined
  if (page === undefined) {
    const body = `there is no ${path}; there are ${Object.keys(PAGES).join(', ')}\n`
    return { status: 404, headers: { ...headers, 'Content-Type': 'text/plain; charset=utf-8' }, body }
  }
  return {
    status: page.isWell ? 200 : 503,
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify(page.report),
  }
}

export interface HealthServerOptions {
  readonly address: BindAddress
  readonly health: ProxyHealth
  readonly log: Logger
  /** The default opens a real listener. */
  readonly listen?: ListenHttp
}

/** Answers for the proxy's health; an address that is taken is tried again until it is free. */
export class HealthServer {
  readonly #options: HealthServerOptions
  #listener: HttpListener | undefined
  #retry: NodeJS.Timeout | undefined
  #failure: ListenError | undefined
  #isClosed = false

  constructor(options: HealthServerOptions) {
    this.#options = options
  }

  /**
   * Listens now, or as soon as it can.
   *
   * @param hardFail throw instead of trying again
   * @throws ListenError with `hardFail`
   */
  async start(hardFail = false): Promise<void> {
    const { address, health, log, listen = listenHttp } = this.#options
    try {
      this.#listener = await listen(address, (question) => healthAnswer(health, question))
    } catch (error) {
      if (hardFail) throw error
      if (this.#failure === undefined) log.error({ err: error }, 'health is not served; it is tried again')
      this.#failure = error as ListenError
      if (!this.#isClosed) {
        this.#retry = setTimeout(() => {
          void this.start()
        }, RETRY_MS)
      }
      return
    }
    if (this.#failure !== undefined) log.info(`health is served on ${addressText(address)} now`)
    this.#failure = undefined
    if (this.#isClosed) await this.close()
  }

  problems(): StatusProblem[] {
    if (this.#failure === undefined) return []
    const message = `${this.#failure.message}; it is tried again`
    return [{ severity: 'error', object: 'healthz', field: '', message, origin: '' }]
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#retry)
    await this.#listener?.close()
    this.#listener = undefined
  }
}
