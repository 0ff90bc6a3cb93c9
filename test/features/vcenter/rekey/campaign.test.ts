// The hash of a plan, and the hours of a campaign.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countsOf, planHash, type RekeyItem } from '../../../../src/features/vcenter/rekey/campaign.ts'
import { isOpen, isTimeZone } from '../../../../src/features/vcenter/rekey/window.ts'

const choices = { machines: ['*'], isDeep: false, provider: 'P', width: 4, withoutCopy: false }
const item = (id: string, more: Partial<RekeyItem> = {}): RekeyItem => {
  return { kind: 'vm', id, name: id, old: ['k-1', 'k-2'], state: 'planned', ...more }
}

test('a plan has one hash in every order, and another one with any other machine, key or choice', () => {
  const hash = planHash('vc', choices, [item('a'), item('b')])
  assert.match(hash, /^[0-9a-f]{64}$/)
  assert.equal(planHash('vc', choices, [item('b', { old: ['k-2', 'k-1'] }), item('a')]), hash)
  // Those that are left out, names and progress do not count.
  const later = [item('a', { name: 'renamed' }), item('b', { state: 'done', made: 'k' })]
  assert.equal(planHash('vc', choices, [...later, item('c', { state: 'cannot' })]), hash)
  const others = [
    planHash('vc-2', choices, [item('a'), item('b')]),
    planHash('vc', { ...choices, from: 'P' }, [item('a'), item('b')]),
    planHash('vc', { ...choices, isDeep: true }, [item('a'), item('b')]),
    planHash('vc', { ...choices, provider: 'Q' }, [item('a'), item('b')]),
    planHash('vc', { ...choices, width: 1 }, [item('a'), item('b')]),
    planHash('vc', { ...choices, withoutCopy: true }, [item('a'), item('b')]),
    planHash('vc', { ...choices, window: { from: '1', to: '2', timeZone: 'UTC' } }, [item('a'), item('b')]),
    planHash('vc', choices, [item('a')]),
    planHash('vc', choices, [item('a'), item('b', { old: ['k-1'] })]),
    planHash('vc', choices, [item('a'), item('b', { kind: 'host' })]),
  ]
  assert.equal(new Set([hash, ...others]).size, others.length + 1)
})

test('counts have every state', () => {
  assert.deepEqual(countsOf([item('a'), item('b', { state: 'failed' }), item('c', { state: 'failed' })]), {
    planned: 1,
    cannot: 0,
    keyed: 0,
    done: 0,
    failed: 2,
    changed: 0,
  })
})

const berlin = { from: '22:00', to: '05:00', timeZone: 'Europe/Berlin' }
const day = { from: '09:30', to: '17:00', timeZone: 'UTC' }

for (const [time, window, expected] of [
  ['2026-12-04T12:00:00Z', undefined, true],
  // One hour ahead of UTC in winter, two in summer.
  ['2026-12-04T20:59:59Z', berlin, false],
  ['2026-12-04T21:00:00Z', berlin, true],
  ['2026-12-05T03:59:59Z', berlin, true],
  ['2026-12-05T04:00:00Z', berlin, false],
  ['2026-07-04T19:59:59Z', berlin, false],
  ['2026-07-04T20:00:00Z', berlin, true],
  ['2026-12-04T09:29:59Z', day, false],
  ['2026-12-04T09:30:00Z', day, true],
  ['2026-12-04T16:59:59Z', day, true],
  ['2026-12-04T17:00:00Z', day, false],
] as const)
  test(`${window ? `${window.from} to ${window.to} ${window.timeZone}` : 'no window'} at ${time}: ${expected ? 'open' : 'closed'}`, () => {
    assert.equal(isOpen(window, Date.parse(time)), expected)
  })

test('a time zone has a name that the runtime knows', () => {
  for (const name of ['UTC', 'Europe/Berlin', 'America/New_York']) assert.ok(isTimeZone(name), name)
  for (const name of ['', 'Mars/Olympus', 'Europe/Berlin; DROP']) assert.ok(!isTimeZone(name), name)
})
