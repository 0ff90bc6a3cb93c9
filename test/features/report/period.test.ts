// Which time a report is about.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTime } from '../../../src/doors/cli/text/time.ts'
import { UsageError } from '../../../src/doors/cli/world.ts'
import { periodOf } from '../../../src/features/report/period.ts'

const nowMs = new Date(2026, 10, 26, 12).getTime()
const run = {
  world: { now: () => nowMs },
  time: (flag: string, text: string) => parseTime(flag, text, nowMs),
}
const midnight = (year: number, month: number): string => new Date(year, month - 1, 1).toISOString()

test('a quarter begins and ends at midnight; one that is under way ends now', () => {
  assert.deepEqual(periodOf(run, { quarter: '2026-q1' }), {
    from: midnight(2026, 1),
    to: midnight(2026, 4),
    quarter: '2026-Q1',
  })
  const { from, to } = periodOf(run, { quarter: '2026-Q4' })
  assert.deepEqual([from, to], [midnight(2026, 10), new Date(nowMs).toISOString()])
})

test('without a quarter it is the last one that is over, also in the first days of a year', () => {
  assert.equal(periodOf(run, {}).quarter, '2026-Q3')
  const january = new Date(2027, 0, 1, 0, 1).getTime()
  assert.equal(periodOf({ ...run, world: { now: () => january } }, {}).quarter, '2026-Q4')
})

test('--from alone reaches until now', () => {
  const { from, to, quarter } = periodOf(run, { from: '2026-11-01' })
  assert.deepEqual([from, to, quarter], [midnight(2026, 11), new Date(nowMs).toISOString(), null])
})

test('a period that is empty, not begun or said twice is refused', () => {
  for (const options of [
    { quarter: '2027-Q1' },
    { quarter: '2026-Q5' },
    { quarter: '2026-Q1', from: '2026-01-01' },
    { to: '2026-01-01' },
    { from: '2026-02-01', to: '2026-01-01' },
  ])
    assert.throws(() => periodOf(run, options), UsageError)
})
