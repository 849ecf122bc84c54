/** What a source does from its start until it is closed, and the moment at which its first state is complete. */
export class SourceRun {
  readonly #closing = new AbortController()
  readonly #synced = Promise.withResolvers<undefined>()
  #running: Promise<unknown> | undefined

  /** Aborted when the source is closed. */
  get signal(): AbortSignal {
    return this.#closing.signal
  }

  /** The first state is complete; the same again says nothing. */
  synced(): void {
    this.#synced.resolve(undefined)
  }

  /** Begins, and waits for {@link synced} as long as it takes, or until {@link close}. `work` never rejects. */
  async start(work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    this.#running = work(this.signal)
    if (!this.signal.aborted) await this.#synced.promise
  }

  /** Ends the work, and waits for its end. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.synced()
    await this.#running
  }
}
