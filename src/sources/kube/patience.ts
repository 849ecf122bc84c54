/** Ends something that has been quiet for too long, by a timer that no change of the clock moves. */
export class Patience {
  readonly #milliseconds: number
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds
  }

  /** Aborted when it is over. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get isOver(): boolean {
    return this.#abort.signal.aborted
  }

  /** Something came: waits anew. */
  renew(): void {
    this.rest()
    this.#timer = setTimeout(() => this.end(), this.#milliseconds)
  }

  /** There is nothing to wait for. */
  rest(): void {
    clearTimeout(this.#timer)
  }

  /** It is over at once. */
  end(): void {
    this.rest()
    this.#abort.abort()
  }
}
