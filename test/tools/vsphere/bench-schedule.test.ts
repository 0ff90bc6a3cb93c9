// At a fixed rate each piece has its moment, however late somebody asks for it; at the end nothing more begins.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Schedule } from '../../../src/tools/vsphere/bench-schedule.ts'

test('moments are evenly spread, and those that are past are not given up', async () => {
  const begun = new Schedule(60_000, 100_000)
  const at = (await begun.due()) ?? NaN
  for (let piece = 1; piece < 200; piece++) {
    const due = (await begun.due()) ?? NaN
    assert.ok(Math.abs(due - at - piece / 100) < 0.001, String(due - at))
    assert.ok(performance.now() >= due)
  }
})

test('nothing begins after the end, nor once the run is ended early', async () => {
  const schedule = new Schedule(10, 200)
  assert.notEqual(await schedule.due(), undefined)
  assert.notEqual(await schedule.due(), undefined)
  assert.equal(await schedule.due(), undefined)
  const ended = new AbortController()
  const slow = new Schedule(60_000, 1, ended.signal)
  assert.notEqual(await slow.due(), undefined)
  const waiting = slow.due()
  ended.abort()
  assert.equal(await waiting, undefined)
  assert.equal(await new Schedule(60_000, undefined, ended.signal).due(), undefined)
})
