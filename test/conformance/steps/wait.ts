import { setTimeout as delay } from 'node:timers/promises'
import type { StepKind } from './step.ts'

/** Waits so many milliseconds, for what ends by itself; else a probe has `within`. */
export const wait: StepKind<number> = {
  read: (value) => value.number(),
  run: async (_, milliseconds) => delay(milliseconds),
}
