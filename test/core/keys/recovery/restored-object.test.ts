// An object of a backup beside the row that the database still has: the state only moves forward, the database knows later
// things, and the material that opens wins.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packAttributes } from '../../../../src/wire/kmip/attributes.ts'
import {
  objectOfWrite,
  restoredObject,
  writeWithFreeNames,
} from '../../../../src/core/keys/recovery/restored-object.ts'
import type { DumpedObject } from '../../../../src/core/ports/backup.ts'
import type { StoredObject } from '../../../../src/core/ports/objects.ts'

type Record = DumpedObject['record']

const attributesOf = (name?: string) =>
  packAttributes(
    new Map(
      name === undefined
        ? []
        : [
            [
              'Name',
              [{ index: 0, value: { NameValue: name, NameType: 'UninterpretedTextString' } }],
            ] as const,
          ],
    ),
  )

const record: Record = {
  instanceId: 'i',
  uniqueIdentifier: 'k',
  objectType: 'SymmetricKey',
  state: 'Active',
  version: 3,
  createdMs: 1,
  attributes: attributesOf(),
  sealed: Buffer.from([1, 2, 3]),
  dataKeyId: 'old',
}

function dumped(more: Partial<Record> = {}): DumpedObject {
  const clockSteps = { activates: null, deactivates: null }
  return { record: { ...record, ...more }, names: [], index: [], clockSteps, lastFetchedMs: null }
}

const here = (more: Partial<Record> = {}): StoredObject => ({
  ...record,
  sequence: 1,
  lastFetchedMs: null,
  ...more,
})

const nothing = { closing: undefined, opens: true }

test('where the database has nothing of it, the backup counts as it is', () => {
  const { write, closedAgain } = restoredObject(dumped(), undefined, nothing)
  assert.deepEqual(write?.record, record)
  assert.equal(closedAgain, false)
})

test('where the database has the same, nothing is written', () => {
  for (const opens of [true, false])
    assert.deepEqual(restoredObject(dumped(), here(), { ...nothing, opens }), {
      write: undefined,
      closedAgain: false,
    })
})

test('what was closed since stays closed, whichever says so', () => {
  const inLog = restoredObject(dumped(), undefined, {
    ...nothing,
    closing: {
      revoked: { reason: 'KeyCompromise', atMs: 5_000 },
      deactivatesMs: null,
      destroyed: null,
      broughtBack: false,
    },
  })
  assert.deepEqual([inLog.write?.record.state, inLog.closedAgain], ['Compromised', true])
  const inRow = restoredObject(dumped(), here({ state: 'Deactivated', version: 4 }), nothing)
  assert.deepEqual(inRow, { write: undefined, closedAgain: true })
  const olderRow = restoredObject(dumped({ version: 9 }), here({ state: 'Deactivated' }), nothing)
  assert.deepEqual([olderRow.write, olderRow.closedAgain], [undefined, true], 'the more closed one counts')
  const destroyed = here({ state: 'Destroyed', sealed: null, dataKeyId: null, version: 4 })
  assert.deepEqual(restoredObject(dumped(), destroyed, nothing), { write: undefined, closedAgain: true })
  const inBoth = restoredObject(dumped(), here(), {
    ...nothing,
    closing: {
      revoked: { reason: '', atMs: 5_000 },
      deactivatesMs: null,
      destroyed: { atMs: 5_000, dueMs: null },
      broughtBack: false,
    },
  })
  assert.deepEqual([inBoth.write?.record.state, inBoth.write?.record.sealed], ['Destroyed', null])
})

test('a backup that is newer than the row counts, and never opens it again', () => {
  const newer = restoredObject(dumped({ state: 'Deactivated', version: 7 }), here({ version: 5 }), nothing)
  assert.deepEqual([newer.write?.record.state, newer.write?.record.version], ['Deactivated', 8])
  const gone = dumped({ state: 'Destroyed', sealed: null, dataKeyId: null, version: 4 })
  assert.equal(restoredObject(gone, here(), nothing).write?.record.sealed, null)
  const bothClosed = restoredObject(
    dumped({ state: 'Deactivated', version: 9 }),
    here({ state: 'Deactivated' }),
    nothing,
  )
  assert.equal(bothClosed.write?.record.version, 10, 'closed as far, but changed more often')
  const bothOpen = restoredObject(dumped(), here({ state: 'PreActive', version: 5 }), nothing)
  assert.equal(bothOpen.write, undefined, 'the row was changed more often')
})

test('the material that opens wins, with the later state', () => {
  const resealed = here({ state: 'Deactivated', version: 6, sealed: Buffer.from([1, 9]), dataKeyId: 'lost' })
  const { write } = restoredObject(dumped(), resealed, { ...nothing, opens: false })
  assert.deepEqual(
    [write?.record.state, write?.record.version, write?.record.dataKeyId, write?.record.sealed],
    ['Deactivated', 7, 'old', record.sealed],
  )
})

test('a Name that another object has been given since is left out', () => {
  const { write } = restoredObject(dumped({ attributes: attributesOf('vm-1') }), undefined, nothing)
  assert.ok(write)
  const names = writeWithFreeNames({ ...write, names: ['vm-1'] }, new Set()).names
  assert.deepEqual(names, ['vm-1'])
  const [key = ''] = writeWithFreeNames(write, new Set(['none'])).names
  assert.notEqual(key, '')
  assert.deepEqual(writeWithFreeNames(write, new Set([key])).names, [])
})

test('what can still be brought back comes as that, and not where it was given up for good', () => {
  const recoverable = { sealed: record.sealed ?? Buffer.of(), dataKeyId: 'old', state: 'Active', dueMs: 9 }
  const waiting = { state: 'Destroyed', sealed: null, dataKeyId: null, recoverable, version: 4 }
  assert.deepEqual(restoredObject(dumped(waiting), undefined, nothing).write?.record, {
    ...record,
    ...waiting,
  })
  const overLiving = restoredObject(dumped(waiting), here(), nothing).write?.record
  assert.deepEqual(
    [overLiving?.state, overLiving?.sealed, overLiving?.recoverable],
    ['Destroyed', null, recoverable],
  )
  const gone = here({ state: 'Destroyed', sealed: null, dataKeyId: null, version: 4 })
  assert.equal(restoredObject(dumped(waiting), gone, nothing).write, undefined)
  const closing = { revoked: null, deactivatesMs: null, destroyed: null, broughtBack: true }
  const back = restoredObject(dumped(waiting), undefined, { ...nothing, closing }).write?.record
  assert.deepEqual([back?.state, back?.sealed, back?.recoverable], ['Active', record.sealed, undefined])
})

test('what the backup had destroyed already comes without Names, and what it had not with them', () => {
  for (const [sealed, names] of [
    [null, []],
    [record.sealed, ['n']],
  ] as const) {
    const { write } = restoredObject({ ...dumped({ sealed }), names: ['n'] }, undefined, nothing)
    assert.deepEqual(write?.names, names)
    assert.equal(write && objectOfWrite(write).uniqueIdentifier, 'k')
  }
})
