// Keys by the minute and open connections, from the counts of all processes of a node.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trafficWindowMs } from '../../../src/program/workers/traffic.ts'
import { answererMetrics } from '../../../src/doors/kmip/metrics.ts'
import { metricsIn } from '../../../src/outside/telemetry/metric-table.ts'
import { createMetrics } from '../../../src/outside/telemetry/metrics.ts'
import { listenerMetrics } from '../../../src/program/kmip-listener.ts'
import { keptLooks, perMinute, TrafficMeter } from '../../../src/program/workers/traffic.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

test('the looks of a minute are kept, and one before them to count from', () => {
  let looks: ReturnType<typeof keptLooks> = []
  for (let at = 0; at <= 10 * trafficWindowMs; at += 100) looks = keptLooks(looks, { atMs: at, keys: at })
  assert.ok(looks.length <= trafficWindowMs / 1_000 + 3, String(looks.length))
  const [first, last] = [looks[0], looks.at(-1)]
  assert.ok(first && last)
  const spanMs = last.atMs - first.atMs
  assert.ok(spanMs >= trafficWindowMs && spanMs < trafficWindowMs + 2_000, String(spanMs))
  assert.equal(perMinute(looks), 60_000)
})

test('nothing is said before there is time to count over, and never less than nothing', () => {
  assert.equal(perMinute([]), null)
  assert.equal(perMinute([{ atMs: 5, keys: 3 }]), null)
  assert.equal(
    perMinute([
      { atMs: 0, keys: 9 },
      { atMs: 30_000, keys: 3 },
    ]),
    0,
  )
})

test('successful fetches of all processes count, and nothing else', async () => {
  const clock = new MovableClock()
  const [own, worker] = [createMetrics(), createMetrics()]
  listenerMetrics(own).gauge('connections', () => 2)
  listenerMetrics(worker).gauge('connections', () => 3)
  const [here, there] = [own, worker].map(({ registry }) => metricsIn(registry, answererMetrics).operations)
  assert.ok(here && there)
  const reports = async () => [await worker.registry.getMetricsAsJSON()]
  const meter = new TrafficMeter({ registry: own.registry, reports, clock })
  assert.deepEqual(await meter.now(), { keysPerMinute: null, connections: 5 })
  const get = { operation: 'Get', result: 'success' }
  for (const operations of [here, there, there]) operations.observe(get, 0.01)
  here.observe({ ...get, result: 'ItemNotFound' }, 0.01)
  here.observe({ ...get, operation: 'Create' }, 0.01)
  clock.pass(30_000)
  assert.deepEqual(await meter.now(), { keysPerMinute: 6, connections: 5 })
  clock.pass(5 * trafficWindowMs)
  await meter.now()
  clock.pass(trafficWindowMs)
  assert.equal((await meter.now()).keysPerMinute, 0)
})
