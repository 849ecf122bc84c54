/** Timings of one kind, in milliseconds. */
export class Sample {
  readonly #values: number[] = []

  add(milliseconds: number): void {
    this.#values.push(milliseconds)
  }

  /** Times a call. */
  time<T>(work: () => T): T {
    const start = performance.now()
    const result = work()
    this.add(performance.now() - start)
    return result
  }

  async timeAsync<T>(work: () => Promise<T>): Promise<T> {
    const start = performance.now()
    const result = await work()
    this.add(performance.now() - start)
    return result
  }

  get count(): number {
    return this.#values.length
  }

  get median(): number {
    return this.quantile(0.5)
  }

  /** Linear between the two values around it; NaN for an empty sample. */
  quantile(q: number): number {
    const sorted = this.#values.toSorted((a, b) => a - b)
    const at = (sorted.length - 1) * q
    const [low, high] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN]
    return low + (high - low) * (at - Math.floor(at))
  }

  toJSON(): Record<string, number> {
    const { count, median } = this
    return {
      count,
      median,
      q1: this.quantile(0.25),
      q3: this.quantile(0.75),
      min: this.quantile(0),
      max: this.quantile(1),
    }
  }
}

/** Three significant digits, without an exponent. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '-'
  const decimals = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toFixed(Math.min(decimals, 5))
}

/** `median (first to third quartile)`. */
export function spread(sample: Sample): string[] {
  const range = (low: number, high: number) => `${digits(sample.quantile(low))} .. ${digits(sample.quantile(high))}`
  return [digits(sample.median), range(0.25, 0.75), range(0, 1), String(sample.count)]
}

export const SPREAD_HEADINGS = ['median', 'quartiles', 'min .. max', 'n'] as const

/** Chi-square of counts that should all be equal. */
export function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

/** The value that chi-square exceeds in 5% of all honest draws (Wilson and Hilferty's approximation). */
export function chiSquareCritical(freedom: number): number {
  const spreadOfCube = 2 / (9 * freedom)
  return freedom * (1 - spreadOfCube + 1.6449 * Math.sqrt(spreadOfCube)) ** 3
}
