// How far the clock by which destroyed keys wait is at a start, whatever the wall clock says then.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resumed } from '../../../../src/core/keys/object/recovery-clock.ts'
import { recoveryOffMsMax } from '../../../../src/core/keys/object/recovery-clock.ts'

const hourMs = 3600_000
const dayMs = 24 * hourMs
const noon = Date.UTC(2026, 0, 1, 12)

test('it begins as the wall clock, and counts the time when the server was off, a day at most, and no time backwards', () => {
  assert.equal(recoveryOffMsMax, dayMs)
  assert.equal(resumed(null, noon), noon)
  const kept = { ms: noon, atMs: noon }
  for (const [offMs, counted] of [
    [0, 0],
    [hourMs, hourMs],
    [dayMs, dayMs],
    [40 * dayMs, dayMs],
    [-hourMs, 0],
  ] as const)
    assert.equal(resumed(kept, noon + offMs) - noon, counted, String(offMs))
  assert.equal(resumed({ ms: noon - 9 * dayMs, atMs: noon }, noon + hourMs), noon - 9 * dayMs + hourMs)
})

test('starts at which the wall clock is ahead bring it forward by a day at most, however many they are', () => {
  for (const aheadMs of [10 * hourMs, 9000 * dayMs]) {
    let kept = { ms: noon, atMs: noon }
    for (let start = 0; start < 30; start++) {
      const trueMs = kept.atMs + hourMs
      const ms = resumed(kept, trueMs + aheadMs)
      // The wall clock is set right, and the server runs for an hour.
      kept = { ms: ms + hourMs, atMs: trueMs + hourMs }
    }
    assert.ok(kept.ms - kept.atMs <= dayMs, `${(kept.ms - kept.atMs) / hourMs} hours`)
  }
})
