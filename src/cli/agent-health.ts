import { FAMILIES, type Family, type IpAddress } from '../model/ip.ts'
import type { LocalService } from '../model/local.ts'
import type { Node } from '../model/node.ts'
import type { ServiceKey } from '../model/service.ts'
import { type HealthClock, ProxyHealth } from '../observe/health.ts'
import { HealthServer, type HealthServerOptions } from '../observe/health-server.ts'
import type { BindAddress, ListenHttp } from '../observe/http-listener.ts'
import type { Logger } from '../observe/log.ts'
import type { StatusProblem } from '../observe/status.ts'
import { HealthCheckServers } from '../sinks/healthchecks/servers.ts'

export interface AgentHealthOptions {
  /** Where the proxy's health is served; undefined for nowhere. */
  readonly healthzAddress: BindAddress | undefined
  /** End with an error when that address cannot be listened on. */
  readonly bindAddressHardFail: boolean
  readonly log: Logger
  /** Told of each answer, to be counted. */
  readonly onAnswer?: HealthServerOptions['onAnswer']
  /** How late an update may be; a minute by default. Milliseconds. */
  readonly timeoutMs?: number
  /** The defaults are real ones. */
  readonly listen?: ListenHttp
  readonly clock?: HealthClock
}

/** What an agent tells of its health, and of the health of Services on its node. */
export class AgentHealth {
  readonly #proxy: ProxyHealth
  readonly #server: HealthServer | undefined
  readonly #checks: HealthCheckServers
  readonly #hardFail: boolean

  constructor(options: AgentHealthOptions) {
    const { healthzAddress: address } = options
    const shared = { log: options.log, ...(options.listen && { listen: options.listen }) }
    const proxy = new ProxyHealth(options)
    this.#proxy = proxy
    this.#server = address && new HealthServer({ ...shared, address, health: proxy, onAnswer: options.onAnswer })
    this.#checks = new HealthCheckServers({ ...shared, isHealthy: () => proxy.isHealthy() })
    this.#hardFail = options.bindAddressHardFail
  }

  /** @throws ListenError when the agent must not run without its address */
  async start(): Promise<void> {
    await this.#server?.start(this.#hardFail)
  }

  /** The node's object, null when it is gone: a node that is leaving is to get no more traffic (promise 85). */
  setNode(node: Node | null): void {
    this.#proxy.setNodeEligible(node !== null && !node.isLeaving)
  }

  /** There are changes that the data plane is to be told. */
  queued(): void {
    for (const family of FAMILIES) this.#proxy.queued(family)
  }

  /** What a Service is now; undefined when this node has nothing to do for it. Told to nobody before {@link applied}. */
  stage(key: ServiceKey, local: LocalService | undefined): void {
    this.#checks.stage(key, local)
  }

  /**
   * The data plane was told.
   *
   * @param failed the families that it could not bring in line: they stay late (promise 87)
   * @param addresses where health checks listen
   */
  applied(failed: readonly Family[], addresses: readonly IpAddress[]): void {
    for (const family of FAMILIES) if (!failed.includes(family)) this.#proxy.updated(family)
    this.listen(addresses)
    // When nothing was served, load balancers must not hear that it was.
    if (failed.length < FAMILIES.length) void this.#checks.publish()
  }

  /** Other addresses where health checks listen. */
  listen(addresses: readonly IpAddress[]): void {
    void this.#checks.setAddresses(addresses)
  }

  problems(): StatusProblem[] {
    return [...(this.#server?.problems() ?? []), ...this.#checks.problems()]
  }

  async close(): Promise<void> {
    await Promise.all([this.#server?.close(), this.#checks.close()])
  }
}
