import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { METRICS, type MetricSpec } from './metric-table.ts'

type Table = Readonly<Record<string, MetricSpec>>
type Of<T extends Table, Type extends MetricSpec['type']> = {
  [Name in keyof T]: T[Name]['type'] extends Type ? Name : never
}[keyof T] &
  string
type Labels<T extends Table, Name extends keyof T> = Readonly<Record<T[Name]['labels'][number], string>>

/** How often the event loop's lag is sampled. Milliseconds. */
const LAG_SAMPLE_MS = 20

/** The metrics of a table, in Prometheus's text format. Nothing but this file knows how they are kept. */
export class MetricSet<T extends Table> {
  readonly #registry = new Registry()
  readonly #counters = new Map<string, Counter>()
  readonly #gauges = new Map<string, Gauge>()
  readonly #histograms = new Map<string, Histogram>()
  readonly #collectors: (() => void)[] = []

  constructor(table: T) {
    for (const [name, { type, labels, help, buckets }] of Object.entries<MetricSpec>(table)) {
      const options = { name, help, labelNames: [...labels], registers: [this.#registry] }
      if (type === 'counter') this.#counters.set(name, new Counter(options))
      else if (type === 'gauge') this.#gauges.set(name, new Gauge(options))
      else this.#histograms.set(name, new Histogram({ ...options, ...(buckets && { buckets: [...buckets] }) }))
    }
  }

  /** Adds those of the process and of Node.js: `process_*` and `nodejs_*`. They cost a little even when nobody asks. */
  addProcess(): void {
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: LAG_SAMPLE_MS })
  }

  /** Counts `by` more; 0 makes the time series appear. */
  count<N extends Of<T, 'counter'>>(name: N, labels: Labels<T, N>, by = 1): void {
    this.#counters.get(name)?.inc({ ...labels }, by)
  }

  /** Makes a counter what somebody else has counted. */
  total<N extends Of<T, 'counter'>>(name: N, labels: Labels<T, N>, value: number): void {
    const counter = this.#counters.get(name)
    counter?.remove({ ...labels })
    counter?.inc({ ...labels }, value)
  }

  set<N extends Of<T, 'gauge'>>(name: N, labels: Labels<T, N>, value: number): void {
    this.#gauges.get(name)?.set({ ...labels }, value)
  }

  /** Adds a value to a histogram, in the metric's unit. */
  observe<N extends Of<T, 'histogram'>>(name: N, labels: Labels<T, N>, value: number): void {
    this.#histograms.get(name)?.observe({ ...labels }, value)
  }

  /** Makes a histogram's time series appear though nothing was observed. */
  expect<N extends Of<T, 'histogram'>>(name: N, labels: Labels<T, N>): void {
    this.#histograms.get(name)?.zero({ ...labels })
  }

  /** Calls back before each {@link text}, for values that are only worth taking when somebody asks. */
  onCollect(collector: () => void): void {
    this.#collectors.push(collector)
  }

  /** The content type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType
  }

  async text(): Promise<string> {
    for (const collect of this.#collectors) collect()
    return this.#registry.metrics()
  }

  /** Lets go of what {@link addProcess} began. */
  close(): void {
    this.#registry.clear()
  }
}

/** Sluice's own metrics. */
export type Metrics = MetricSet<typeof METRICS>

/** New ones, all at their beginning. */
export function createMetrics(): Metrics {
  return new MetricSet(METRICS)
}
