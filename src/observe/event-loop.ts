import { setImmediate } from 'node:timers/promises'

/** How long a piece of work may hold the event loop before others run. Milliseconds. */
const SLICE_MS = 8
/** Steps between two looks at the clock. */
const STEPS = 16

/** Cuts long work into slices, so that status and health are answered meanwhile. */
export class Slices {
  #start = performance.now()
  #steps = 0

  /** To be asked after each step: true when it is time to {@link pause}. */
  due(): boolean {
    return ++this.#steps % STEPS === 0 && performance.now() - this.#start > SLICE_MS
  }

  /** Lets everything else that waits run. */
  async pause(): Promise<void> {
    await setImmediate()
    this.#start = performance.now()
  }
}

/** Runs all steps, letting others run in between. @returns what the steps return at their end. */
export async function runInSlices<T>(steps: Iterator<unknown, T>): Promise<T> {
  const slices = new Slices()
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
    if (slices.due()) await slices.pause()
  }
}
