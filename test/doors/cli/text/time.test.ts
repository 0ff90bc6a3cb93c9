// Times that people write and read: local unless a zone is named, and shown with their zone.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { exactTime, parseTime, shortTime } from '../../../../src/doors/cli/text/time.ts'
import { UsageError } from '../../../../src/doors/cli/world.ts'

const zoneBefore = process.env['TZ']
after(() => setZone(zoneBefore))

function setZone(zone: string | undefined): void {
  if (zone === undefined) delete process.env['TZ']
  else process.env['TZ'] = zone
}

/** Now, for every row: a Monday, one day after the clocks of Berlin went forward. */
const now = Date.parse('2026-03-30T09:15:30.000Z')

const rows: readonly (readonly [zone: string, text: string, utc: string])[] = [
  ['UTC', '2026-11-25', '2026-11-25T00:00:00.000Z'],
  ['UTC', '2026-11-25T10:00', '2026-11-25T10:00:00.000Z'],
  ['Europe/Berlin', '2026-11-25', '2026-11-24T23:00:00.000Z'],
  ['Europe/Berlin', '2026-07-25', '2026-07-24T22:00:00.000Z'],
  ['Europe/Berlin', '2026-11-25T10:00', '2026-11-25T09:00:00.000Z'],
  ['Europe/Berlin', '2026-11-25 10:00:05', '2026-11-25T09:00:05.000Z'],
  ['Europe/Berlin', '2026-11-25T10:00:05.25', '2026-11-25T09:00:05.250Z'],
  ['Europe/Berlin', '2026-11-25T10:00Z', '2026-11-25T10:00:00.000Z'],
  ['Europe/Berlin', '2026-11-25T10:00:00.000Z', '2026-11-25T10:00:00.000Z'],
  ['Europe/Berlin', '2026-11-25 10:00 UTC', '2026-11-25T10:00:00.000Z'],
  ['Europe/Berlin', '2026-11-25T10:00-05:00', '2026-11-25T15:00:00.000Z'],
  ['Asia/Kolkata', '2026-11-25 10:00 +0530', '2026-11-25T04:30:00.000Z'],
  ['Asia/Kolkata', '2026-11-25', '2026-11-24T18:30:00.000Z'],
  ['America/New_York', 'today', '2026-03-30T04:00:00.000Z'],
  ['America/New_York', 'Yesterday', '2026-03-29T04:00:00.000Z'],
  ['Pacific/Auckland', 'today', '2026-03-29T11:00:00.000Z'],
  ['Europe/Berlin', 'yesterday', '2026-03-28T23:00:00.000Z'],
  ['Europe/Berlin', 'now', '2026-03-30T09:15:30.000Z'],
  ['Europe/Berlin', '-2h', '2026-03-30T07:15:30.000Z'],
  ['Europe/Berlin', '-90m', '2026-03-30T07:45:30.000Z'],
  ['Europe/Berlin', '+30s', '2026-03-30T09:16:00.000Z'],
  // 11:15 in Berlin a week before is 11:15 there too, which was another hour in UTC.
  ['Europe/Berlin', '-7d', '2026-03-23T10:15:30.000Z'],
  ['UTC', '-7d', '2026-03-23T09:15:30.000Z'],
  ['UTC', '-2w', '2026-03-16T09:15:30.000Z'],
]

for (const [zone, text, utc] of rows)
  test(`${text} in ${zone} is ${utc}`, () => {
    setZone(zone)
    assert.equal(parseTime('--since', text, now), utc)
  })

for (const text of [
  '',
  'spring',
  '2026',
  '2026-11',
  '2026-13-01',
  '2026-00-01',
  '2026-02-30',
  '2026-11-25T24:00',
  '2026-11-25T10:60',
  '2026-11-25Z',
  '2026-11-25T10:00+15:00',
  '2h',
  '-2y',
  '- 2h',
  '-999999w',
  '+999999w',
  'constructor',
])
  test(`"${text}" is no time`, () => {
    setZone('UTC')
    assert.throws(
      () => parseTime('--since', text, now),
      (error) =>
        error instanceof UsageError && error.message.startsWith('--since takes a time such as 2026-11-25'),
    )
  })

test('what is printed names its zone, and can be given back', () => {
  for (const [zone, iso, short, exact] of [
    ['UTC', '2026-03-01T12:00:30.000Z', '2026-03-01 12:00 UTC', '2026-03-01 12:00:30 UTC'],
    ['Europe/Berlin', '2026-03-01T12:00:30.000Z', '2026-03-01 13:00 +01:00', '2026-03-01 13:00:30 +01:00'],
    ['Europe/Berlin', '2026-07-01T22:30:00.000Z', '2026-07-02 00:30 +02:00', '2026-07-02 00:30:00 +02:00'],
    ['Asia/Kolkata', '2026-03-01T12:00:30.000Z', '2026-03-01 17:30 +05:30', '2026-03-01 17:30:30 +05:30'],
    ['America/New_York', '2026-01-01T03:00:00.000Z', '2025-12-31 22:00 -05:00', '2025-12-31 22:00:00 -05:00'],
  ] as const) {
    setZone(zone)
    assert.equal(shortTime(iso), short)
    assert.equal(exactTime(iso), exact)
    assert.equal(parseTime('--since', exactTime(iso), now), iso)
  }
  assert.equal(shortTime(null), '')
})
