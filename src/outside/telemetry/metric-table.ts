// Makes metrics of tables in a registry. A feature has its own table (`metrics` in its feature.ts), and program/open-features.ts makes
// metrics of it; core/ports/metrics.ts, doors/kmip/metrics.ts and metrics.ts beside this file have the others.

import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { MetricForm } from '../../base/metric.ts'
import type { MetricTable } from './labels.ts'

/** The metrics that metricsIn makes of a table, by the table's keys. */
export type MetricsOf<T extends MetricTable> = {
  readonly [N in keyof T]: T[N] extends MetricForm<'counter', infer L>
    ? Counter<L>
    : T[N] extends MetricForm<'gauge', infer L>
      ? Gauge<L>
      : T[N] extends MetricForm<'histogram', infer L>
        ? Histogram<L>
        : never
}

/** The bounds of a histogram's buckets, in seconds. They are few, since each operation and route has buckets for each of its results. */
const secondsBuckets = [0.001, 0.01, 0.1, 1, 10]

/** Makes the metrics of a table in the registry. Returns the existing metric where the registry has one of the name already. */
export function metricsIn<T extends MetricTable>(registry: Registry, table: T): MetricsOf<T> {
  const made = Object.entries(table).map(([key, { type, name: short, help, labels }]) => {
    const name = `mortise_${short}`
    const existing = registry.getSingleMetric(name)
    if (existing) return [key, existing] as const
    const options = { name, help, labelNames: [...labels], registers: [registry] }
    if (type === 'counter') return [key, new Counter(options)] as const
    if (type === 'gauge') return [key, new Gauge(options)] as const
    return [key, new Histogram({ ...options, buckets: secondsBuckets })] as const
  })
  return Object.fromEntries(made) as unknown as MetricsOf<T>
}

/** Makes a gauge of the registry that calls `read` for its value at each reading. */
export function readingGauge(
  registry: Registry,
  { name, help }: MetricForm<'gauge', never>,
  read: () => number,
): void {
  // prom-client binds `this` to the gauge when it collects.
  void new Gauge({
    name: `mortise_${name}`,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}

/** Removes the values of all gauges, so that no gauge shows an old value. Counters and histograms keep theirs. */
export function clearGauges(
  metrics: Readonly<Record<string, Counter<never> | Gauge<never> | Histogram<never>>>,
): void {
  for (const metric of Object.values<Counter | Gauge | Histogram>(metrics)) {
    if (!(metric instanceof Gauge)) continue
    metric.reset()
    metric.remove({})
  }
}
