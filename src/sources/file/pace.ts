import { setImmediate } from 'node:timers/promises'

/** Milliseconds of work before other events of the process have their turn. */
const SLICE_MS = 8

/** Keeps long work on the main thread from blocking it. */
export class Pace {
  #until = performance.now() + SLICE_MS

  /** True when it is time to {@link pause}. */
  get due(): boolean {
    return performance.now() >= this.#until
  }

  async pause(): Promise<void> {
    await setImmediate()
    this.#until = performance.now() + SLICE_MS
  }
}
