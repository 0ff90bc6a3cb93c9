// A run beside an earlier one: the ratios of what both measured, and the settings in which they differ.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareRuns, type EarlierRun } from '../../../src/tools/vsphere/bench-compare.ts'
import type { Measured } from '../../../src/tools/vsphere/bench.ts'

function measured(perSecond: number, ms: number | null): Measured {
  return { count: 10, perSecond, latencyMs: { p50: ms, p90: ms, p99: ms, p999: ms, max: ms } }
}

const run: EarlierRun = {
  server: '127.0.0.1:5696',
  mix: 'get=1',
  connections: 8,
  rate: null,
  perWork: false,
  resume: false,
  tls: { version: 'TLSv1.2', cipher: 'any' },
  operations: { get: measured(200, 4) },
  handshakes: { ...measured(0, null), count: 0, resumed: 0 },
  pieces: null,
}

test('rates and latencies are divided by the earlier ones', () => {
  const faster = { ...run, operations: { get: measured(300, 3), create: measured(1, 1) } }
  assert.deepEqual(compareRuns(run, faster), {
    differs: [],
    ratios: { get: { perSecond: 1.5, p50: 0.75, p99: 0.75, max: 0.75 } },
  })
})

test('what was not measured has no ratio', () => {
  const silent = { ...run, operations: { get: measured(0, null) } }
  const none = { perSecond: null, p50: null, p99: null, max: null }
  assert.deepEqual(compareRuns(silent, run).ratios, { get: none })
})

test('other settings are named', () => {
  const other = { ...run, connections: 32, rate: 100, tls: { version: 'TLSv1.3', cipher: 'any' } }
  assert.deepEqual(compareRuns(run, other).differs, [
    'connections: 8 then, 32 now',
    'rate: null then, 100 now',
    'tls: TLSv1.2 then, TLSv1.3 now',
  ])
})
