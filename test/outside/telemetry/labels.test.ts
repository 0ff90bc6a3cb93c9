// Each label of a metric is in the table, and no label of the table is unused.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describedMetrics } from '../../../scripts/print-monitoring.ts'
import { labels } from '../../../src/outside/telemetry/labels.ts'

test('the labels of all metrics are those of the table', async () => {
  const own = (await describedMetrics()).filter(({ name }) => name.startsWith('mortise_'))
  const used = new Set(own.flatMap((metric) => metric.labels))
  assert.deepEqual(
    [...used].toSorted(),
    Object.keys(labels).toSorted(),
    'each label has its line in outside/telemetry/labels.ts, and none without a metric',
  )
})
