// Metrics as a table: what each counts, before a registry has it. A feature has its own table (`metrics` in its feature.ts), and
// program/open-features.ts makes them.

import { Counter, Gauge, type Registry } from 'prom-client'
import type { LabelName } from './labels.ts'

interface MetricForm<Type extends string, L extends LabelName> {
  readonly type: Type
  /** Without `mortise_`, which every metric begins with. */
  readonly name: string
  readonly help: string
  readonly labels: readonly L[]
}

export type MetricTable = Readonly<Record<string, MetricForm<'counter' | 'gauge', LabelName>>>

/** The metrics of a table, by its names for them. */
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

/** The metrics of a table in the registry, which makes each once. */
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

/** Takes the values from gauges, so that none shows an old one; counters keep theirs. */
export function clearGauges(metrics: Readonly<Record<string, Counter<never> | Gauge<never>>>): void {
  for (const metric of Object.values<Counter | Gauge>(metrics)) {
    if (!(metric instanceof Gauge)) continue
    metric.reset()
    metric.remove({})
  }
}
