// The time by which old audit entries go, while the wall clock jumps ahead of the one that nobody can set.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BelievedTime } from '../../../src/core/audit/believed-time.ts'

const hourMs = 3600_000
const dayMs = 24 * hourMs

/** The answers of one clock, in hours, asked each hour while the wall clock is so many hours ahead. */
function hours(aheadHours: readonly number[]): readonly number[] {
  const now = { hour: 0, ahead: 0 }
  const clock = {
    now: () => (now.hour + now.ahead) * hourMs,
    monotonic: () => now.hour * hourMs,
  }
  const believed = new BelievedTime({ clock, recovery: { now: clock.monotonic } })
  return aheadHours.map((ahead, hour) => {
    Object.assign(now, { hour, ahead })
    return believed.now() / hourMs - hour
  })
}

const during = (days: number, ahead: number) => Array<number>((days * dayMs) / hourMs).fill(ahead)

test('a wall clock that is ahead is believed after three days, and each further jump after three more', () => {
  const believed = hours([...during(3, 500), ...during(1, 500), ...during(3, 9_000), ...during(1, 9_000)])
  assert.deepEqual(believed, [...during(3, 0), ...during(1, 500), ...during(3, 0), ...during(1, 9_000)])
})

test('one that went back counts as that far ahead, and one that is behind counts at once', () => {
  const believed = hours([...during(1, 9_000), ...during(2, 500), ...during(1, 500), 9_000, -3])
  assert.deepEqual(believed, [...during(3, 0), ...during(1, 500), 0, -3])
})

test('one that is right for an hour in between begins its three days again', () => {
  const believed = hours([...during(2, 500), 0, ...during(3, 500), ...during(1, 500)])
  assert.deepEqual(believed, [...during(2, 0), 0, ...during(3, 0), ...during(1, 500)])
})

test('what a clock gains slowly within an hour is no jump', () => {
  const believed = hours([...during(3, 0), 0.5, 1, 1.5])
  assert.deepEqual(believed, [...during(3, 0), 0.5, 1, 0])
})
