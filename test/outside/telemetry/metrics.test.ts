// The metrics of a server, and the alert rules and the dashboard that read them.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { dashboardQueries } from '../../../scripts/print-dashboard.ts'
import { alertRules, describedMetrics } from '../../../scripts/print-monitoring.ts'
import { answererMetrics } from '../../../src/doors/kmip/metrics.ts'
import { metricsIn } from '../../../src/outside/telemetry/metric-table.ts'
import { createMetrics } from '../../../src/outside/telemetry/metrics.ts'
import { listenerMetrics } from '../../../src/program/kmip-listener.ts'

test('two servers in a process count apart, and gauges are read when asked', async () => {
  const [one, two] = [createMetrics(), createMetrics()]
  const listener = listenerMetrics(one)
  let open = 1
  listener.gauge('connections', () => open)
  listener.count('handshakes', { result: 'ok', version: 'TLSv1.2', resumed: 'false' })
  listener.count('messages', { encoding: 'ttlv' })
  open = 5
  metricsIn(one.registry, answererMetrics).operations.observe({ operation: 'Get', result: 'Success' }, 0.002)
  const text = await one.registry.metrics()
  assert.match(text, /^mortise_kmip_connections 5$/m)
  assert.match(text, /^mortise_kmip_handshakes_total\{result="ok",version="TLSv1\.2",resumed="false"\} 1$/m)
  assert.match(text, /^mortise_kmip_messages_total\{encoding="ttlv"\} 1$/m)
  assert.match(text, /^mortise_kmip_operation_seconds_count\{operation="Get",result="Success"\} 1$/m)
  assert.doesNotMatch(await two.registry.metrics(), /mortise_kmip_messages_total/)
})

test('what tells of the process itself is there once, however many servers it has had', () => {
  const [one, two] = [createMetrics(), createMetrics()]
  for (const name of ['nodejs_gc_duration_seconds', 'nodejs_eventloop_lag_seconds']) {
    const metric = one.registry.getSingleMetric(name)
    assert.ok(metric)
    assert.equal(two.registry.getSingleMetric(name), metric)
  }
})

test('alert rules and dashboard ask for metrics and labels that there are', async () => {
  const described = new Map((await describedMetrics()).map((metric) => [metric.name, metric]))
  const queries = [alertRules(), ...dashboardQueries()].join('\n')
  const asked = [...queries.matchAll(/\b((?:mortise|nodejs|process)_\w+)(?:\{(?!instance)(\w+)=)?/g)]
  assert(asked.length > 10)
  for (const [, name = '', label] of asked) {
    const metric = described.get(name.replace(/_(bucket|sum|count)$/, ''))
    assert(metric, `docs/mortise-alerts.yml or the dashboard asks for ${name}, which is no metric`)
    if (label !== undefined) assert(metric.labels.includes(label), `${name} has no label ${label}`)
  }
})

test('every alert has its paragraph in docs/operate.md', () => {
  const page = readFileSync(new URL('../../../docs/operate.md', import.meta.url), 'utf8')
  const alerts = [...alertRules().matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name)
  assert.deepEqual(
    alerts.filter((name) => !page.includes(`**${name}**`)),
    [],
  )
})

test('a histogram has few buckets, and one wherever an alert looks', async () => {
  const { registry } = createMetrics()
  const { operations } = metricsIn(registry, answererMetrics)
  operations.observe({ operation: 'Get', result: 'success' }, 0.002)
  const text = await registry.metrics()
  const bounds = [...text.matchAll(/^mortise_kmip_operation_seconds_bucket\{le="([^"]+)"/gm)].map(
    ([, bound = '']) => bound,
  )
  assert.ok(bounds.length > 2 && bounds.length <= 6, bounds.join(' '))
  const limits = [...alertRules().matchAll(/histogram_quantile\(.*\) > ([\d.]+)$/gm)].map(
    ([, limit = '']) => limit,
  )
  assert.ok(limits.length > 0)
  for (const limit of limits) assert.ok(bounds.includes(limit), limit)
})
