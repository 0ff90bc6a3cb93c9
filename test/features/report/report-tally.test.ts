// What a report counts: it must be the same as counting in memory.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ReportTally } from '../../../src/features/report/report-tally.ts'

const at = (n: number): string => new Date(Date.UTC(2026, 9, 1) + n * 3600_000).toISOString()

const timesOf = (all: readonly { readonly times: number }[]) => all.reduce((sum, { times }) => sum + times, 0)

test('fetches of one party and key become one row, with the first and the last time, in any order', () => {
  const fetch = fc.record({
    instanceId: fc.constantFrom('i-1', 'i-2', null),
    object: fc.constantFrom('k-1', 'k-2', null),
    what: fc.constantFrom('key.get: success', 'key.get: refused'),
    actorId: fc.constantFrom('c-1', 'c-2', null),
    by: fc.constantFrom('client a', 'client b'),
    certificate: fc.constantFrom('aa', null),
    times: fc.integer({ min: 1, max: 100 }),
    since: fc.integer({ min: 0, max: 25 }).map(at),
    at: fc.integer({ min: 25, max: 50 }).map(at),
  })
  fc.assert(
    fc.property(fc.array(fetch, { maxLength: 60 }), (all) => {
      using tally = new ReportTally()
      for (const one of all) tally.addFetch(one)
      const rows = [...tally.fetches()].map(({ instance, id, what, by, certificate, times, first, last }) =>
        JSON.stringify([instance, id, what, by, certificate, times, first, last]),
      )
      const groups = Map.groupBy(all, (one) =>
        JSON.stringify([one.instanceId, one.object, one.what, one.by, one.certificate, one.actorId]),
      )
      const expected = [...groups.values()].map((group) => {
        const [{ instanceId, object, what, by, certificate }] = group as [(typeof group)[0]]
        const since = group.map((one) => one.since).toSorted()
        const times = group.map((one) => one.at).toSorted()
        return JSON.stringify([
          instanceId,
          object,
          what,
          by,
          certificate,
          timesOf(group),
          since[0],
          times.at(-1),
        ])
      })
      assert.deepEqual(rows.toSorted(), expected.toSorted())
      const fetched = tally.fetchSummaries().reduce((sum, { times, refused }) => sum + times + refused, 0)
      assert.equal(fetched, timesOf(all))
    }),
    { numRuns: 50 },
  )
})

test('keys are counted by their age at the end of the period; later ones are not', () => {
  using tally = new ReportTally()
  const to = '2026-10-01T00:00:00.000Z'
  const created = [
    '2026-09-30',
    '2026-07-04',
    '2026-07-02',
    '2025-10-02',
    '2025-09-30',
    '2024-09-30',
    '2027-01-01',
  ]
  for (const [n, day] of created.entries())
    tally.addKey({
      instanceId: 'i',
      id: `k-${n}`,
      name: null,
      state: 'Active',
      created: `${day}T00:00:00.000Z`,
      lastFetched: null,
    })
  const [ages, ...others] = tally.keyAges(to)
  assert.deepEqual(others, [])
  assert.deepEqual(ages, {
    instance: 'i',
    state: 'Active',
    keys: 6,
    days90: 2,
    days365: 2,
    days730: 1,
    older: 1,
    oldest: '2024-09-30T00:00:00.000Z',
  })
  assert.deepEqual(
    [...tally.keys(to)].map(({ detail }) => detail),
    ['731 days old', '366 days old', '364 days old', '91 days old', '89 days old', '1 day old'],
  )
})
