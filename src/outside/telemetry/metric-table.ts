// Metrics as a table: the name, help and labels of each. A feature has its own table (`metrics` in its feature.ts), of which
// program/open-features.ts makes metrics in the server's registry.

import { Counter, Gauge, type Registry } from 'prom-client'
import type { LabelName } from './labels.ts'

interface MetricForm<Type extends string, L extends LabelName> {
  readonly type: Type
  /** The name without `mortise_`, with which every metric begins. */
  readonly name: string
  readonly help: string
  readonly labels: readonly L[]
}

export type MetricTable = Readonly<Record<string, MetricForm<'counter' | 'gauge', LabelName>>>

/** The metrics that metricsIn makes of a table, by the table's keys. */
export type MetricsOf<T extends MetricTable> = {
  readonly [N in keyof T]: T[N] extends MetricForm<'counter', infer L>
    ? Counter<L>
    : T[N] extends MetricForm<'gauge', infer L>
      ? Gauge<L>
      : never
}

/** `name` ends in `_total`. */
export function counter<L extends LabelName = never>(
  name: string,
  help: string,
  ...labels: readonly L[]
): MetricForm<'counter', L> {
  return { type: 'counter', name, help, labels }
}

export function gauge<L extends LabelName = never>(
  name: string,
  help: string,
  ...labels: readonly L[]
): MetricForm<'gauge', L> {
  return { type: 'gauge', name, help, labels }
}

/** Makes the metrics of a table in the registry. Returns the existing metric where the registry has one of the name already. */
export function metricsIn<T extends MetricTable>(registry: Registry, table: T): MetricsOf<T> {
  const made = Object.entries(table).map(([key, { type, name: short, help, labels }]) => {
    const name = `mortise_${short}`
    const options = { name, help, labelNames: [...labels], registers: [registry] }
    return [
      key,
      registry.getSingleMetric(name) ?? (type === 'counter' ? new Counter(options) : new Gauge(options)),
    ] as const
  })
  return Object.fromEntries(made) as unknown as MetricsOf<T>
}

/** Removes the values of all gauges, so that no gauge shows an old value. Counters keep theirs. */
export function clearGauges(metrics: Readonly<Record<string, Counter<never> | Gauge<never>>>): void {
  for (const metric of Object.values<Counter | Gauge>(metrics)) {
    if (!(metric instanceof Gauge)) continue
    metric.reset()
    metric.remove({})
  }
}
