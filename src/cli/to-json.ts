import { SinkRunner } from '../sink/runner.ts'
import { jsonSink } from '../sinks/json/json-sink.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { failureText } from './failure.ts'
import type { RawOptions } from './options.ts'
import { openLog, stopSignal } from './run-instance.ts'
import { type AgentFeed, logListeners, type SourceListeners } from './to-nft.ts'

/** Prints what a node must do at each change, until a signal or until nobody reads it; with `once` just once. */
export async function toJson(
  raw: RawOptions,
  _nodeName: string,
  open: (listeners: SourceListeners) => AgentFeed,
): Promise<ExitCode> {
  const log = openLog(raw, 2)
  const { source, state } = open(logListeners(log))
  const stopping = stopSignal()
  stopping.signal.addEventListener('abort', () => void state.close(), { once: true })
  // Whoever reads it, `head` for example, has enough of it.
  process.stdout.once('error', () => stopping.abort())
  const runner = new SinkRunner(state, [jsonSink(process.stdout)], {
    hooks: {
      onApplied: () => {
        if (raw.once === true) stopping.abort()
      },
      onFailed: ({ error }) => log.error({ err: error }, `not printed: ${failureText(error)}`),
    },
  })
  try {
    await Promise.all([runner.run(), source.start()])
  } finally {
    await state.close()
    await source.close()
  }
  const isComplete = source.problems().every(({ severity }) => severity !== 'error')
  return raw.once === true && !isComplete ? EXIT.skipped : EXIT.ok
}
