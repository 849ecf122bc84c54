import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from '../context.ts'
import type { Value } from '../format/value.ts'
import type { StepKind } from './step.ts'

interface Stop {
  readonly id: string
  readonly signal: NodeJS.Signals
  /** Exit code that the process must end with; undefined: it is not compared. */
  readonly code: number | undefined
}

function readStop(value: Value, { id }: { readonly id: string }): Stop {
  const { signal, code } = value.fields(['signal', 'code'])
  return {
    id,
    signal: (signal.optional((text) => text.text()) ?? 'SIGTERM') as NodeJS.Signals,
    code: code.optional((number) => number.number()),
  }
}

async function end(context: Context, { id, signal, code }: Stop): Promise<void> {
  const seen = await context.stop(signal)
  if (code === undefined) return
  const text = String(seen.code ?? seen.signal)
  context.check({ id, name: `ends by ${signal}`, passed: seen.code === code, expected: String(code), seen: text })
}

/** Ends Sluice; the rules stay. What is applied meanwhile is there when it starts again. */
export const stop: StepKind<Stop> = { read: readStop, run: end }

/** Starts Sluice again, and waits until it serves. */
export const start: StepKind<undefined> = {
  read(value) {
    value.fields([])
    return undefined
  },
  run: (context) => context.start(),
}

/** Ends Sluice with a signal and starts it again. */
export const restart: StepKind<Stop> = {
  read: readStop,
  async run(context, value) {
    await end(context, value)
    await context.start()
  },
}

/** Further arguments of Sluice, from now on; it is started again when it runs. */
export const args: StepKind<readonly string[]> = {
  read: (value) => value.texts(),
  async run(context, value) {
    const wasRunning = context.isRunning
    if (wasRunning) await context.stop('SIGTERM')
    context.setArguments(value)
    if (wasRunning) await context.start()
  },
}

interface Ended {
  readonly id: string
  readonly code: number
  readonly within: number
}

const DEFAULT_WITHIN = 10_000

/** Waits until Sluice has ended by itself, and compares its exit code. */
export const ended: StepKind<Ended> = {
  read(value, { id }) {
    const { code, within } = value.fields(['code', 'within'])
    return { id, code: code.number(), within: within.optional((time) => time.number()) ?? DEFAULT_WITHIN }
  },
  async run(context, { id, code, within }) {
    const late = delay(within, undefined, { ref: false })
    const seen = await Promise.race([context.stop(), late])
    const text = seen === undefined ? 'still running' : String(seen.code ?? seen.signal)
    context.check({ id, name: 'ends', passed: seen?.code === code, expected: String(code), seen: text })
  },
}
