// The metrics of the core, as a table, and the interface by which the core counts. outside/telemetry/metrics.ts makes counters of the table.

import { counter, type CountsOf } from '../../base/metric.ts'

export type CoreMetrics = CountsOf<typeof coreMetrics>

export const coreMetrics = {
  dataKeyUses: counter(
    'data_key_uses_total',
    'Uses of data keys, by source: cache, outage (cache while the root key cannot be reached), root-key.',
    'source',
  ),
}
