// What an instance of an accepted older database gets: a higher epoch, and markers that say so wherever its keys are.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CustodyInstance } from '../../../../src/core/custody/custody.ts'
import { wantedOf, type Markers } from '../../../../src/core/custody/keyprotect/markers.ts'
import type { RootKey } from '../../../../src/core/ports/root-key.ts'
import {
  nextEpoch,
  raiseEpoch,
  withHigherEpoch,
} from '../../../../src/core/custody/keyprotect/restore-markers.ts'

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

test('with a raised epoch a marker stands beside each root key, above all rows, and what was due is dropped', async () => {
  const rows = [
    { id: 'due', state: 'due', generation: 1_900_000_000 },
    { id: 'said', state: 'current', generation: 3 },
  ]
  const raised = async (comesFrom: readonly string[], known: typeof rows = rows) => {
    const markers = {
      rows: async () => known,
      store: async ({ uri }: { readonly uri: string }, { number }: { readonly number: number }) =>
        `${uri} ${number}`,
    } as unknown as Markers
    const rootKeys = [base.rootKeyUri, 'keyprotect://h/i/old'].map((uri) => ({ uri }) as RootKey)
    const from = comesFrom.map((uri) => ({ uri }))
    const writes = await raiseEpoch(markers, { ...base, epoch: 7 }, [], { rootKeys, comesFrom: from, nowMs })
    return writes.map((write) => {
      if (write.type === 'standard-key-removed') return `${write.id} removed`
      assert.ok(write.type === 'standard-key')
      const { epoch, number, says } = wantedOf(write.record)
      assert.deepEqual([epoch, write.record.state], [7, 'current'])
      return `${write.record.id} ${says.way}${says.way === 'stays' ? '' : ` ${says.rootKeyUri}`}`.replace(
        String(number),
        String(number - 1_800_000_000),
      )
    })
  }
  const old = `keyprotect://h/i/old`
  const above = 100_000_001
  assert.deepEqual(await raised([]), [
    'due removed',
    `${base.rootKeyUri} ${above} stays`,
    `${old} ${above} to ${base.rootKeyUri}`,
  ])
  assert.deepEqual(await raised(['a', 'b'], rows.slice(1)), [
    `${base.rootKeyUri} 0 from a`,
    `${base.rootKeyUri} 1 from b`,
    `${old} 0 to ${base.rootKeyUri}`,
  ])
})
