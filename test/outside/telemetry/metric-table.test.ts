import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { counter, gauge } from '../../../src/base/metric.ts'
import { clearGauges, metricsIn } from '../../../src/outside/telemetry/metric-table.ts'

const table = {
  sent: counter('sent_total', 'What was sent, by target.', 'target'),
  lag: gauge('lag_seconds', 'How far behind a target is.', 'target'),
  size: gauge('size_bytes', 'A size.'),
}

test('a registry makes each metric of a table once, with its labels', async () => {
  const registry = new Registry()
  metricsIn(registry, table).sent.inc({ target: 'file' }, 2)
  metricsIn(registry, table).sent.inc({ target: 'file' })
  assert.match(await registry.metrics(), /^mortise_sent_total\{target="file"\} 3$/m)
})

test('cleared gauges show no value, and counters keep theirs', async () => {
  const registry = new Registry()
  const made = metricsIn(registry, table)
  made.sent.inc({ target: 'file' })
  made.lag.set({ target: 'file' }, 7)
  made.size.set(9)
  clearGauges(made)
  const shown = await registry.metrics()
  assert.match(shown, /^mortise_sent_total\{target="file"\} 1$/m)
  assert.doesNotMatch(shown, /^mortise_(?:lag_seconds|size_bytes)[ {]/m)
})
