import { isDeepStrictEqual } from 'node:util'

/** Milliseconds for which what was read of a file counts, so that not every request reads it. */
const FRESH_MS = 10_000

/** A value, and whether it may still be used. */
export interface Lease<T> {
  readonly value: T
  readonly isFresh: () => boolean
}

/**
 * Makes a value. `earlier` is what was made before, unless that was forgotten.
 *
 * @param signal nobody wants the value any more.
 */
export type Make<T> = (earlier: T | undefined, signal: AbortSignal) => Promise<Lease<T>>

/** A value that is made when somebody wants it, is used as long as it is fresh, and is made once for all who wait. */
export class Shared<T> {
  readonly #make: Make<T>
  readonly #closing = new AbortController()
  #held: Lease<T> | undefined
  #making: Promise<T> | undefined

  constructor(make: Make<T>) {
    this.#make = make
  }

  /** @throws what making it throws; the next call tries again. */
  async get(): Promise<T> {
    if (this.#held?.isFresh()) return this.#held.value
    this.#making ??= this.#renew().finally(() => {
      this.#making = undefined
    })
    return this.#making
  }

  /** Whoever it was shown to did not accept it; without effect when another was made meanwhile. */
  forget(value: T): void {
    if (isDeepStrictEqual(this.#held?.value, value)) this.#held = undefined
  }

  /** Gives up what is being made. */
  close(): void {
    this.#closing.abort()
  }

  async #renew(): Promise<T> {
    const lease = await this.#make(this.#held?.value, this.#closing.signal)
    this.#held = lease
    return lease.value
  }
}

/** A value that never changes once it is made. */
export function once<T>(make: () => Promise<T>): Shared<T> {
  return new Shared<T>(async () => ({ value: await make(), isFresh: () => true }))
}

/**
 * A value that is read from files, and anew every ten seconds. When that fails, the earlier one stays until it is forgotten:
 * whoever replaces several files may be half through.
 */
export function fromFiles<T>(read: () => Promise<T>): Shared<T> {
  return new Shared(async (earlier) => {
    const isFresh = freshFor(FRESH_MS)
    try {
      return { value: await read(), isFresh }
    } catch (error) {
      if (earlier === undefined) throw error
      return { value: earlier, isFresh }
    }
  })
}

function freshFor(milliseconds: number): () => boolean {
  const until = performance.now() + milliseconds
  return () => performance.now() < until
}
