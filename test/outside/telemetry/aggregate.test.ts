import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endedCounters, aggregatedMetrics } from '../../../src/outside/telemetry/aggregate.ts'
import { answererMetrics } from '../../../src/doors/kmip/metrics.ts'
import { metricsIn } from '../../../src/outside/telemetry/metric-table.ts'
import { createMetrics } from '../../../src/outside/telemetry/metrics.ts'
import { listenerMetrics } from '../../../src/program/kmip-listener.ts'

test('counts of several processes add up, also those of one that ended; the server’s own state stays', async () => {
  const own = createMetrics()
  own.state.ready.set(1)
  const workers = [createMetrics(), createMetrics()]
  for (const [index, metrics] of workers.entries()) {
    listenerMetrics(metrics).gauge('connections', () => 5)
    const { operations } = metricsIn(metrics.registry, answererMetrics)
    for (let n = 0; n <= index; n++) operations.observe({ operation: 'Get', result: 'success' }, 0.01)
  }
  const [first, second] = await Promise.all(workers.map((metrics) => metrics.registry.getMetricsAsJSON()))
  assert.ok(first && second)
  const both = await aggregatedMetrics(own.registry, [first, second])
  const count = 'mortise_kmip_operation_seconds_count{operation="Get",result="success"}'
  assert.ok(both.includes(`${count} 3\n`), both)
  assert.match(both, /^mortise_kmip_connections 10$/m)
  assert.match(both, /^mortise_ready 1$/m)
  for (const name of ['process_start_time_seconds', 'nodejs_eventloop_lag_p99_seconds'])
    assert.match(both, new RegExp(`^${name} `, 'm'))
  const left = await aggregatedMetrics(own.registry, [
    first,
    await endedCounters([await endedCounters([]), second]),
  ])
  assert.ok(left.includes(`${count} 3\n`))
  assert.match(left, /^mortise_kmip_connections 5$/m)
})
