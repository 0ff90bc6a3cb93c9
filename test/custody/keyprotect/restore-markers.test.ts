// What an instance of a database that was put back gets: a higher epoch, and markers that say so where its keys are.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CustodyInstance } from '../../../src/custody/custody.ts'
import { wantedOf } from '../../../src/custody/keyprotect/markers.ts'
import { nextEpoch, withHigherEpoch } from '../../../src/custody/keyprotect/restore-markers.ts'

const nowMs = 1_800_000_000_000
const base: CustodyInstance = {
  id: 'i',
  name: 'vmware',
  custody: 'keyprotect',
  rootKeyUri: 'keyprotect://h/i/b',
  cacheSeconds: 300,
  outageSeconds: 0,
}
const move = { kind: 'move', id: 'w', fromRootKeyUri: 'keyprotect://h/i/a' } as const

test('an epoch is above all that are known, also where the clock was set back', () => {
  assert.equal(nextEpoch([], nowMs), 1_800_000_000)
  assert.equal(nextEpoch([3, 1_900_000_000], nowMs), 1_900_000_001)
})

for (const [name, instance, beside] of [
  ['custody database', { ...base, custody: 'database' }, []],
  ['custody keyprotect', base, ['keyprotect://h/i/b stays']],
  [
    'on its way to another root key',
    { ...base, work: { ...move, fromCustody: 'keyprotect' } },
    ['keyprotect://h/i/b stays', 'keyprotect://h/i/a to'],
  ],
  [
    'on its way into the database',
    { ...base, custody: 'database', work: { ...move, fromCustody: 'keyprotect' } },
    ['keyprotect://h/i/a to'],
  ],
] as const satisfies readonly (readonly [string, CustodyInstance, readonly string[]])[])
  test(`put back: ${name}`, () => {
    const back = withHigherEpoch<CustodyInstance>(instance, nowMs)
    const rows = back.writes.flatMap((write) => (write.type === 'standard-key' ? [write.record] : []))
    assert.deepEqual(
      rows.map((row) => `${row.rootKeyUri} ${wantedOf(row).says.way}`),
      beside,
    )
    assert.ok(rows.every((row) => row.state === 'due' && wantedOf(row).epoch === back.instance.epoch))
    assert.equal(back.instance.epoch, beside.length > 0 ? 1_800_000_000 : undefined)
  })
