import { familyOf, type IpAddress } from '../../model/ip.ts'
import type { LocalService } from '../../model/local.ts'
import type { ServiceKey } from '../../model/service.ts'
import { type HttpListener, type ListenError, type ListenHttp, listenHttp } from '../../observe/http-listener.ts'
import type { Logger } from '../../observe/log.ts'
import type { StatusProblem } from '../../observe/status.ts'
import { type HealthCheck, healthCheckAnswer, healthCheckOf, listensAlike } from './health-check.ts'

/** Milliseconds until an address that could not be listened on is tried again. */
const RETRY_MS = 5000

export interface HealthCheckServersOptions {
  /** Whether the proxy keeps up: when it does not, no load balancer may count on what it was told. */
  readonly isHealthy: () => boolean
  readonly log: Logger
  /** The default opens a real listener. */
  readonly listen?: ListenHttp
}

/** What is open for one Service, and what could not be opened, each by its address. */
interface Opened {
  readonly port: number
  readonly listeners: Map<IpAddress, HttpListener>
  readonly failures: Map<IpAddress, ListenError>
}

/**
 * The health-check node ports of the node's Services: an HTTP listener for each Service and address, which tells load
 * balancers how many pods of the Service this node has (promises 82 to 84). A listener that cannot be opened is a problem, is
 * tried again, and harms no other one.
 */
export class HealthCheckServers {
  readonly #options: HealthCheckServersOptions
  readonly #checks = new Map<ServiceKey, HealthCheck>()
  readonly #staged = new Map<ServiceKey, HealthCheck | undefined>()
  readonly #opened = new Map<ServiceKey, Opened>()
  /** Services whose listeners may not be those that are wanted. */
  readonly #dirty = new Set<ServiceKey>()
  #addresses: readonly IpAddress[] = []
  #work: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: HealthCheckServersOptions) {
    this.#options = options
  }

  /** Takes note of what a Service is now, undefined when it is gone; told to nobody before {@link publish}. */
  stage(key: ServiceKey, local: LocalService | undefined): void {
    const check = local && healthCheckOf(local)
    // Most Services have none, and nothing of those is kept.
    if (check === undefined && !this.#checks.has(key)) this.#staged.delete(key)
    else this.#staged.set(key, check)
  }

  /** Answers with what was staged; to be called when the kernel serves it. @returns when {@link settled} */
  async publish(): Promise<void> {
    for (const [key, check] of this.#staged) {
      const before = this.#checks.get(key)
      if (check === undefined) this.#checks.delete(key)
      else this.#checks.set(key, check)
      if (before === undefined || check === undefined || !listensAlike(before, check)) this.#dirty.add(key)
    }
    this.#staged.clear()
    return this.settled()
  }

  /** Listens on these addresses instead; 0.0.0.0 and :: stand for all of their family. @returns when {@link settled} */
  async setAddresses(addresses: readonly IpAddress[]): Promise<void> {
    if (addresses.join() !== this.#addresses.join()) {
      this.#addresses = [...addresses]
      for (const key of this.#checks.keys()) this.#dirty.add(key)
    }
    return this.settled()
  }

  /** Resolves when everything is open that can be and nothing else; never rejects. */
  async settled(): Promise<void> {
    if (this.#dirty.size === 0 && this.#work === undefined) return
    this.#work ??= this.#reconcile()
    return this.#work
  }

  problems(): StatusProblem[] {
    return [...this.#opened].flatMap(([key, { failures }]) =>
      [...failures.values()].map(({ message }) => ({
        severity: 'error' as const,
        object: key,
        field: 'spec.healthCheckNodePort',
        message: `${message}; it is tried again`,
        origin: '',
      })),
    )
  }

  /** Closes every listener. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#retry)
    this.#staged.clear()
    this.#checks.clear()
    for (const key of this.#opened.keys()) this.#dirty.add(key)
    await this.settled()
  }

  async #reconcile(): Promise<void> {
    while (this.#dirty.size > 0) {
      const keys = [...this.#dirty]
      this.#dirty.clear()
      // All that goes, goes first: a port may pass from one Service to another.
      const closed = await Promise.all(keys.map(async (key) => this.#closeUnwanted(key)))
      if (closed.includes(true)) for (const key of this.#failing()) keys.push(key)
      for (const key of new Set(keys)) await this.#openMissing(key)
    }
    // At once, so that what gets dirty from here on begins anew.
    this.#work = undefined
    if (this.#isClosed || this.#failing().length === 0) return
    this.#retry ??= setTimeout(() => {
      this.#tryAgain()
    }, RETRY_MS)
  }

  #tryAgain(): void {
    this.#retry = undefined
    for (const key of this.#failing()) this.#dirty.add(key)
    void this.settled()
  }

  #failing(): ServiceKey[] {
    return [...this.#opened].flatMap(([key, { failures }]) => (failures.size > 0 ? [key] : []))
  }

  /** @returns true when there was something to close. */
  async #closeUnwanted(key: ServiceKey): Promise<boolean> {
    const opened = this.#opened.get(key)
    if (opened === undefined) return false
    const wanted = this.#checks.get(key)?.port === opened.port ? this.#addressesOf(key) : []
    const isUnwanted = (address: IpAddress) => !wanted.includes(address)
    const closing = [...opened.listeners].filter(([address]) => isUnwanted(address))
    for (const [address] of closing) opened.listeners.delete(address)
    for (const address of [...opened.failures.keys()].filter(isUnwanted)) opened.failures.delete(address)
    if (opened.listeners.size + opened.failures.size === 0) this.#opened.delete(key)
    await Promise.all(closing.map(async ([, listener]) => listener.close()))
    return closing.length > 0
  }

  async #openMissing(key: ServiceKey): Promise<void> {
    const check = this.#checks.get(key)
    // What changed meanwhile is dirty again, and is done in the next round.
    if (check === undefined || this.#dirty.has(key)) return
    const { port } = check
    const opened = this.#opened.get(key) ?? { port, listeners: new Map(), failures: new Map() }
    this.#opened.set(key, opened)
    for (const address of this.#addressesOf(key)) {
      if (!opened.listeners.has(address)) await this.#open(key, opened, address)
    }
  }

  async #open(key: ServiceKey, { port, listeners, failures }: Opened, address: IpAddress): Promise<void> {
    const { isHealthy, log, listen = listenHttp } = this.#options
    const countNow = () => this.#checks.get(key)?.localEndpoints[familyOf(address)] ?? 0
    try {
      const listener = await listen({ host: address, port }, () => healthCheckAnswer(key, countNow(), isHealthy()))
      listeners.set(address, listener)
      if (failures.delete(address)) log.info({ service: key, address, port }, 'the health check is served now')
    } catch (error) {
      const failure = error as ListenError
      // A host without IPv6 has no wildcard address of it, and needs none.
      if (failure.errno === 'EAFNOSUPPORT') return
      if (!failures.has(address)) log.error({ service: key, err: failure }, 'the health check is not served')
      failures.set(address, failure)
    }
  }

  /** Where the Service's checks are to be asked for. */
  #addressesOf(key: ServiceKey): IpAddress[] {
    const counts = this.#checks.get(key)?.localEndpoints
    return this.#addresses.filter((address) => counts?.[familyOf(address)] !== undefined)
  }
}
