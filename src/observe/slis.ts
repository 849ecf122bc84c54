import type { MetricSpec } from './metric-table.ts'
import { MetricSet } from './metrics.ts'

/** What Kubernetes components tell of their health checks (KEP-3466). */
const SLI_METRICS = {
  kubernetes_healthcheck: {
    type: 'gauge',
    labels: ['name', 'type'],
    help: 'Result of the last time that a health check was asked for: 1 for well',
    of: 'kube-proxy',
  },
  kubernetes_healthchecks_total: {
    type: 'counter',
    labels: ['name', 'type', 'status'],
    help: 'How often a health check was asked for, by its result: success or error',
    of: 'kube-proxy',
  },
} as const satisfies Readonly<Record<string, MetricSpec>>

/** Service level indicators: what became of health checks that somebody asked for. */
export class Slis {
  readonly #metrics = new MetricSet(SLI_METRICS)

  /**
   * A health check was asked for.
   *
   * @param name what was checked
   * @param type which page was asked for: `healthz`, `livez` or `readyz`
   */
  checked(name: string, type: string, isWell: boolean): void {
    this.#metrics.set('kubernetes_healthcheck', { name, type }, Number(isWell))
    this.#metrics.count('kubernetes_healthchecks_total', { name, type, status: isWell ? 'success' : 'error' })
  }

  /** The content type of {@link text}. */
  get contentType(): string {
    return this.#metrics.contentType
  }

  async text(): Promise<string> {
    return this.#metrics.text()
  }
}
