import type { SinkHealth } from '../sink/hooks.ts'
import { SinkRunner, type SinkRunnerOptions } from '../sink/runner.ts'
import type { Sink } from '../sink/sink.ts'
import { LocalClient, type LocalClientOptions } from './local-client.ts'

/** How sinks are fed from a server. */
export interface RunClientOptions extends LocalClientOptions, Pick<SinkRunnerOptions, 'hooks'> {
  /** Aborting it ends the run. */
  readonly signal?: AbortSignal
  /** Milliseconds between the beginnings of two change sets, at least; 0 by default. */
  readonly minIntervalMs?: number
  /** Given, before anything else, what tells how each sink is. */
  readonly onHealth?: (health: () => readonly SinkHealth[]) => void
}

/**
 * Keeps sinks in line with what a server says that this node must do: the whole of a small program.
 *
 * @returns when `signal` was aborted and the sinks are closed
 * @throws GrpcError when the address is none, or a key or certificate cannot be used
 */
export async function runClient(sinks: readonly Sink[], options: RunClientOptions = {}): Promise<void> {
  const { signal, hooks, minIntervalMs, onHealth, ...rest } = options
  const client = new LocalClient(rest)
  const runner = new SinkRunner(client, sinks, {
    ...(hooks && { hooks }),
    ...(minIntervalMs !== undefined && { minIntervalMs }),
  })
  onHealth?.(() => runner.health())
  const stop = () => void client.close()
  signal?.addEventListener('abort', stop, { once: true })
  if (signal?.aborted) stop()
  try {
    await Promise.all([runner.run(), client.start()])
  } finally {
    signal?.removeEventListener('abort', stop)
    await client.close()
  }
}
