// The times of a batch's items: each moment counts for one item.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ItemTimes } from '../../../src/core/operations/item-times.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

test('an item has the time since the last charge, added up, and one that did not run has none', () => {
  const clock = new MovableClock()
  const times = new ItemTimes(clock)
  clock.pass(1_500)
  times.charge(0)
  clock.pass(250)
  times.charge(2)
  clock.pass(1_000)
  times.charge(0)
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => times.secondsOf(index)),
    [2.5, 0, 0.25, 0],
  )
})
