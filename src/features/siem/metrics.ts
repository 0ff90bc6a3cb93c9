// The metrics of the targets of the audit log.

import { counter, gauge } from '../../base/metric.ts'

export const siemMetrics = {
  siemEntries: counter(
    'siem_entries_total',
    'Audit entries that were sent to a target of the log, those sent again included, by target.',
    'target',
  ),
  siemLag: gauge(
    'siem_lag_seconds',
    'Age of the oldest audit entry that a target of the log does not surely have, by target; 0: it has all.',
    'target',
  ),
}
