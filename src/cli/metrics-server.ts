import type { BindAddress, ListenHttp } from '../observe/http-listener.ts'
import { HttpServer } from '../observe/http-server.ts'
import type { Logger } from '../observe/log.ts'
import { type Pages, pageAnswers, textPage } from '../observe/pages.ts'
import type { StatusProblem } from '../observe/status.ts'
import type { LocalState } from '../store/local-state.ts'
import type { Agent, AgentCompanion } from './agent.ts'
import type { AgentMetrics, Measured } from './agent-metrics.ts'

export interface MetricsServerOptions {
  readonly address: BindAddress
  /** End with an error when that address cannot be listened on. */
  readonly bindAddressHardFail: boolean
  readonly log: Logger
  readonly metrics: AgentMetrics
  readonly store: Pick<LocalState, 'changes'>
  /** Where the cluster's state comes from. */
  readonly source: Measured['source']
  /** Further pages by their path. */
  readonly pages?: Pages
  /** The default opens a real listener. */
  readonly listen?: ListenHttp
}

/** kube-proxy's server for operators: `/metrics`, `/metrics/slis`, `/healthz`, and other pages (promise 88). */
export class MetricsServer implements AgentCompanion {
  readonly #options: MetricsServerOptions
  readonly #server: HttpServer

  constructor(options: MetricsServerOptions) {
    this.#options = options
    const { address, log, listen, metrics, pages } = options
    const answer = pageAnswers({ ...metricsPages(metrics), ...pages })
    const shared = { address, log, answer, ...(listen && { listen }) }
    this.#server = new HttpServer({ ...shared, what: 'metrics', object: 'metrics' })
  }

  /** @throws ListenError when the agent must not run without its address */
  async start(agent: Pick<Agent, 'status'>): Promise<void> {
    const { metrics, store, source, bindAddressHardFail } = this.#options
    metrics.attach({ status: () => agent.status(), store, source })
    metrics.metrics.addProcess()
    await this.#server.start(bindAddressHardFail)
  }

  problems(): readonly StatusProblem[] {
    return this.#server.problems()
  }

  async close(): Promise<void> {
    await this.#server.close()
    this.#options.metrics.metrics.close()
  }
}

function metricsPages({ metrics, slis }: AgentMetrics): Pages {
  return {
    '/metrics': { contentType: metrics.contentType, body: async () => metrics.text() },
    '/metrics/slis': { contentType: slis.contentType, body: async () => slis.text() },
    '/healthz': {
      ...textPage('ok'),
      // That it answers is what is asked.
      body: () => {
        slis.checked('ping', 'healthz', true)
        return 'ok'
      },
    },
  }
}
