/** The pauses between attempts at something in this machine: twice as long each time. What others serve is asked with jitter. */
export class Backoff {
  readonly #first: number
  readonly #longest: number
  #pause = 0

  /** @param range the shortest and the longest pause; 200 ms to 30 s unless told */
  constructor([first, longest]: readonly [number, number] = [200, 30_000]) {
    this.#first = first
    this.#longest = longest
  }

  /** It failed. @returns how long to wait, in milliseconds. */
  next(): number {
    this.#pause = Math.min(Math.max(this.#pause * 2, this.#first), this.#longest)
    return this.#pause
  }

  /** It succeeded. */
  reset(): void {
    this.#pause = 0
  }
}
