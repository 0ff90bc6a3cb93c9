// How much is said in a minute of what anybody may bring about: so much of each group, so much in all, the rest counted.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { largest, MinuteQuota, type LeftOut } from '../../../src/core/audit/minute-quota.ts'
import { namesShownMax } from '../../../src/base/bounds.ts'
import {
  minuteQuotaGroupsMax,
  minuteQuotaMax,
  minuteQuotaPerGroupMax,
} from '../../../src/core/audit/minute-quota.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

function quotaWithClock() {
  const clock = new MovableClock()
  const told: LeftOut[] = []
  const quota = new MinuteQuota(clock, (leftOut) => told.push(leftOut))
  /** How many of so many are said. */
  const said = (group: string, count: number) =>
    Array.from({ length: count }, () => quota.take(group)).filter(Boolean).length
  return { clock, told, quota, said }
}

test('of each group so much is said in a minute, and the rest is counted at its end', () => {
  const { clock, told, said } = quotaWithClock()
  assert.equal(said('a', 1_000), minuteQuotaPerGroupMax)
  assert.equal(said('b', 3), 3)
  clock.pass(59_999)
  assert.equal(said('a', 1), 0)
  assert.deepEqual(told, [])
  clock.pass(1)
  assert.deepEqual(told, [{ count: 991, groups: [['a', 991]] }])
  assert.equal(said('a', 1), 1)
})

test('in all so much is said, whatever the groups, and those that are counted are bounded too', () => {
  const { told, quota, said } = quotaWithClock()
  const groups = Array.from({ length: 5_000 }, (_, index) => `g${index}`)
  const saidOf = groups.map((group) => said(group, 1))
  assert.equal(saidOf.filter((count) => count === 1).length, minuteQuotaMax)
  assert.equal(said('g4999', 100), 0)
  quota.flush()
  assert.equal(told.length, 1)
  assert.equal(told[0]?.count, 5_000 - minuteQuotaMax + 100)
  assert.equal(told[0]?.groups.length, minuteQuotaGroupsMax + 1)
  assert.equal(largest(told[0]?.groups ?? []).split(', ').length, namesShownMax)
})

test('what is told names the largest groups, and a quiet minute tells nothing', () => {
  const { clock, told, quota, said } = quotaWithClock()
  said('few', 20)
  said('many', 50)
  quota.flush()
  assert.deepEqual(told[0]?.groups, [
    ['many', 40],
    ['few', 10],
  ])
  clock.pass(60_000)
  assert.equal(said('few', 5), 5)
  quota.flush()
  assert.equal(told.length, 1)
})
