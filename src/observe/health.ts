/** An IP family, 4 or 6: each is brought in line by itself. */
type Family = 4 | 6
const FAMILIES: readonly Family[] = [4, 6]

/** How late an update may be. kube-proxy: twice its sync period, which is 30 s by default (promise 85). Milliseconds. */
const DEFAULT_HEALTH_TIMEOUT_MS = 60_000

/** Time, as tests inject it. */
export interface HealthClock {
  /** Milliseconds that never go back: a clock that is set must not make an update late. */
  elapsed(): number
  date(): Date
}

const SYSTEM_CLOCK: HealthClock = { elapsed: () => performance.now(), date: () => new Date() }

/** What kube-proxy tells of itself, in its names and its order. */
export interface HealthReport {
  /** ISO 8601. Now while all is well, as kube-proxy has it for old readers; else when a family was last brought in line. */
  readonly lastUpdated: string
  readonly currentTime: string
  /** Only for load balancers. */
  readonly nodeEligible?: boolean
  /** No family is late. */
  readonly healthy: boolean
  readonly status: Readonly<Record<'IPv4' | 'IPv6', { readonly lastUpdated: string; readonly healthy: boolean }>>
}

/** What one of the health paths answers. */
export interface HealthPage {
  readonly isWell: boolean
  readonly report: HealthReport
}

interface FamilyHealth {
  /** By the elapsed clock: when the oldest update was queued that is not done; undefined when there is none. */
  queuedAt: number | undefined
  /** When it was last brought in line; before the first time, when we started. */
  lastUpdated: Date
  hasUpdated: boolean
}

/**
 * Whether the proxy keeps up. A family is late when an update was queued a health timeout ago and it has not been brought in
 * line since; another family's success does not heal it (promise 87). With nothing queued all is well, however long ago the
 * last update was, and before the first one, too.
 */
export class ProxyHealth {
  readonly #timeoutMs: number
  readonly #clock: HealthClock
  readonly #families: Readonly<Record<Family, FamilyHealth>>
  #isNodeEligible = true

  constructor(options: { readonly timeoutMs?: number; readonly clock?: HealthClock } = {}) {
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_HEALTH_TIMEOUT_MS
    this.#clock = options.clock ?? SYSTEM_CLOCK
    const start = (): FamilyHealth => ({ queuedAt: undefined, lastUpdated: this.#clock.date(), hasUpdated: false })
    this.#families = { 4: start(), 6: start() }
  }

  /** There is something to do for the family. */
  queued(family: Family): void {
    this.#families[family].queuedAt ??= this.#clock.elapsed()
  }

  /** Everything that was queued for the family is in the kernel. */
  updated(family: Family): void {
    Object.assign(this.#families[family], { queuedAt: undefined, lastUpdated: this.#clock.date(), hasUpdated: true })
  }

  /** Load balancers may send traffic to this node; true until told otherwise. */
  setNodeEligible(isEligible: boolean): void {
    this.#isNodeEligible = isEligible
  }

  /** No family is late. */
  isHealthy(): boolean {
    return FAMILIES.every((family) => !this.#isLate(family))
  }

  /** For load balancers: no family is late, and the node may get traffic (promise 85). */
  healthz(): HealthPage {
    const nodeEligible = this.#isNodeEligible
    return this.#page(this.isHealthy() && nodeEligible, { nodeEligible })
  }

  /** For the kubelet: no family is late (promise 86). */
  livez(): HealthPage {
    return this.#page(this.isHealthy())
  }

  /** Sluice's own: no family is late, and every one has been brought in line once. */
  readyz(): HealthPage {
    const isReady = FAMILIES.every((family) => this.#families[family].hasUpdated)
    return this.#page(this.isHealthy() && isReady)
  }

  #page(isWell: boolean, node: { readonly nodeEligible?: boolean } = {}): HealthPage {
    const now = this.#clock.date()
    const latest = Math.max(...FAMILIES.map((family) => this.#families[family].lastUpdated.getTime()))
    const report = {
      lastUpdated: (isWell ? now : new Date(latest)).toISOString(),
      currentTime: now.toISOString(),
      ...node,
      healthy: this.isHealthy(),
      status: { IPv4: this.#familyReport(4), IPv6: this.#familyReport(6) },
    }
    return { isWell, report }
  }

  #familyReport(family: Family): { lastUpdated: string; healthy: boolean } {
    return { lastUpdated: this.#families[family].lastUpdated.toISOString(), healthy: !this.#isLate(family) }
  }

  #isLate(family: Family): boolean {
    const { queuedAt } = this.#families[family]
    return queuedAt !== undefined && this.#clock.elapsed() - queuedAt >= this.#timeoutMs
  }
}
