// What an instance of an accepted older database gets: a higher epoch, and markers that say so wherever its keys are.

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
  test(`an accepted database: ${name}`, () => {
    const back = withHigherEpoch<CustodyInstance>(instance, { nowMs })
    const rows = back.writes.flatMap((write) => (write.type === 'standard-key' ? [write.record] : []))
    assert.deepEqual(
      rows.map((row) => `${row.rootKeyUri} ${wantedOf(row).says.way}`),
      beside,
    )
    assert.ok(rows.every((row) => row.state === 'due' && wantedOf(row).epoch === back.instance.epoch))
    assert.equal(back.instance.epoch, beside.length > 0 ? 1_800_000_000 : undefined)
  })

test('epoch and number of the new markers are above all that are known, and one is due wherever keys are', () => {
  const known = [
    { epoch: 1_900_000_000, number: 5 },
    { epoch: 7, number: 1_900_000_007 },
  ]
  const rootKeyUris = ['keyprotect://h/i/b', 'keyprotect://h/i/old']
  const { instance, writes } = withHigherEpoch<CustodyInstance>(base, { nowMs, known, rootKeyUris })
  const rows = writes.flatMap((write) => (write.type === 'standard-key' ? [wantedOf(write.record)] : []))
  assert.equal(instance.epoch, 1_900_000_001)
  assert.deepEqual(
    rows.map((row) => [row.rootKeyUri, row.says.way, row.epoch, row.number]),
    [
      ['keyprotect://h/i/b', 'stays', 1_900_000_001, 1_900_000_008],
      ['keyprotect://h/i/old', 'to', 1_900_000_001, 1_900_000_008],
    ],
  )
})

test('an instance that went into the database beside the same root key is marked as gone from there', () => {
  const instance = { ...base, custody: 'database' } as const
  const { writes } = withHigherEpoch<CustodyInstance>(instance, { nowMs, rootKeyUris: [base.rootKeyUri] })
  const says = writes.flatMap((write) => (write.type === 'standard-key' ? [wantedOf(write.record).says] : []))
  assert.deepEqual(says, [{ way: 'to', custody: 'database', rootKeyUri: base.rootKeyUri }])
})
