import type { SinkHealth, SinkHooks } from './hooks.ts'
import { Lane, type Pace } from './lane.ts'
import type { LocalView } from './local-view.ts'
import type { Sink } from './sink.ts'

/** How sinks are run. */
export interface SinkRunnerOptions extends Partial<Pace> {
  /** Told what the sinks do. */
  readonly hooks?: SinkHooks
}

const PACE: Pace = { minIntervalMs: 0, retryMs: [200, 30_000] }

/**
 * Keeps sinks in line with one node's state. Each sink goes at its own pace, and a failure of one is tried again and harms no
 * other.
 */
export class SinkRunner {
  readonly #state: LocalView
  readonly #lanes: readonly Lane[]

  /** @param state what the node must do; it must be read by nobody else */
  constructor(state: LocalView, sinks: readonly Sink[], options: SinkRunnerOptions = {}) {
    const { minIntervalMs = PACE.minIntervalMs, retryMs = PACE.retryMs, hooks = {} } = options
    this.#state = state
    this.#lanes = sinks.map((sink) => new Lane(state, sink, hooks, { minIntervalMs, retryMs }))
  }

  /**
   * Runs until the state is closed, and closes the sinks then.
   *
   * @throws what a sink fails with when it is closed
   */
  async run(): Promise<void> {
    const running = Promise.all(this.#lanes.map(async (lane) => lane.run()))
    try {
      for (;;) {
        const changes = await this.#state.next()
        if (changes === undefined) break
        for (const lane of this.#lanes) lane.add(changes)
      }
    } finally {
      for (const lane of this.#lanes) lane.end()
      await running
    }
  }

  /** How each sink is, in the order in which they were given. */
  health(): SinkHealth[] {
    return this.#lanes.map((lane) => lane.health())
  }
}
