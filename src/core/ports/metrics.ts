// The metrics of the core, as a table, and the interface by which the core counts. outside/telemetry/metrics.ts makes counters of the table.

import { counter, type MetricForm } from '../../base/metric.ts'

/** Counts events by labels. */
interface Counted<Label extends string> {
  inc(labels: Readonly<Record<Label, string>>): void
}

export type CoreMetrics = {
  readonly [Name in keyof typeof coreMetrics]: (typeof coreMetrics)[Name] extends MetricForm<
    'counter',
    infer Label
  >
    ? Counted<Label>
    : never
}

export const coreMetrics = {
  dataKeyUses: counter(
    'data_key_uses_total',
    'Uses of data keys, by source: cache, outage (cache while the root key cannot be reached), root-key.',
    'source',
  ),
}
