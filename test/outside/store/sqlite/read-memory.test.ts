// A read is answered from memory until the database changes, and never once anybody may know of the change.

import assert from 'node:assert/strict'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { readMemoryBytes } from '../../../../src/outside/store/sqlite/read-memory.ts'
import { StoreConflict, type Store } from '../../../../src/core/ports/store.ts'
import { edit } from '../../../support/server/core.ts'
import { openSqlite, storeFolder } from '../../../support/store/store-place.ts'
import { change, create, objectRecord, objectWrite, trustRow } from '../../../support/store/store-values.ts'

/** Enough for the commit of one object, as a rule; if it is not, the test proves less. */
const commitMs = 40

async function openStore(t: TestContext): Promise<Store> {
  return openSqlite(t, path.join(await storeFolder(t), 'mortise.db'))
}

async function stateOf(store: Store): Promise<string | undefined> {
  return (await store.object('instance-1', 'a'))?.state
}

test('the same bytes are returned while nothing changes, and others after a change', async (t) => {
  const store = await openStore(t)
  await create(store, objectRecord('a'))
  const first = await store.object('instance-1', 'a')
  await nextTurn()
  const again = await store.object('instance-1', 'a')
  assert.ok(first && again)
  assert.equal(again.attributes, first.attributes, 'from memory')
  assert.equal(again.isRemembered, true)
  const listed = await store.objects({ instanceId: 'instance-1', limit: 1 })
  assert.equal(listed[0]?.isRemembered, undefined, 'pages are read again each time')
  await create(store, objectRecord('b'))
  const later = await store.object('instance-1', 'a')
  assert.notEqual(later?.sealed, first.sealed, 'read again')
  assert.equal(later?.attributes, first.attributes, 'the same bytes need not be decoded again')
  assert.deepEqual(later, first)
  const attributes = Buffer.from('other attributes')
  await store.commit(change([objectWrite(objectRecord('a', { attributes, version: 2 }))]))
  assert.deepEqual(Buffer.from((await store.object('instance-1', 'a'))?.attributes ?? []), attributes)
})

test('a commit counts from its answer on, and for every read that began later', async (t) => {
  const store = await openStore(t)
  await create(store, objectRecord('a', { state: 'Active' }))
  let version = 1
  for (const state of ['Deactivated', 'Compromised', 'Active', 'Deactivated', 'Compromised']) {
    assert.notEqual(await stateOf(store), state, 'in memory now')
    const before = version++
    const committed = store
      .commit(
        change([objectWrite(objectRecord('a', { state, version }))], {
          expect: { objects: [{ instanceId: 'instance-1', uniqueIdentifier: 'a', version: before }] },
        }),
      )
      .then(() => stateOf(store))
    // The writer has it in the next turn. This thread reads then, and does nothing else until the commit is done.
    await nextTurn()
    await stateOf(store)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, commitMs)
    assert.equal(await committed, state)
    assert.equal(await stateOf(store), state)
  }
})

test('trust and an object that changed meanwhile are refused to a read that was decided on them', async (t) => {
  const store = await openStore(t)
  await create(store, objectRecord('a'))
  const trustVersion = await store.trustVersion()
  const objects = [{ instanceId: 'instance-1', uniqueIdentifier: 'a', version: 1 }]
  const record = { entries: [], fetched: [], expect: { trustVersion, objects } }
  await store.record(record)
  await store.commit(change([trustRow('client-1')]))
  await assert.rejects(store.record(record), StoreConflict)
  assert.equal(await store.trustVersion(), trustVersion + 1)
})

test('what a stranger writes into the file is seen in the next turn of the loop', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const store = await openSqlite(t, file)
  await create(store, objectRecord('a', { state: 'Active' }))
  assert.equal(await stateOf(store), 'Active')
  edit(file, `UPDATE objects SET state = 'Deactivated'`)
  await nextTurn()
  assert.equal(await stateOf(store), 'Deactivated')
})

test('memory is given back when it grows beyond its limit', async (t) => {
  const store = await openStore(t)
  const sealed = Buffer.alloc(readMemoryBytes)
  await create(store, objectRecord('a'))
  await create(store, objectRecord('large', { sealed }))
  const first = await store.object('instance-1', 'a')
  await store.object('instance-1', 'large')
  await create(store, objectRecord('b'))
  await store.object('instance-1', 'large')
  const once = await store.object('instance-1', 'b')
  const twice = await store.object('instance-1', 'b')
  assert.notEqual(twice?.sealed, once?.sealed, 'nothing more is remembered in this turn')
  assert.equal(once?.isRemembered, undefined)
  await nextTurn()
  const again = await store.object('instance-1', 'a')
  assert.notEqual(again?.attributes, first?.attributes, 'all was forgotten')
  assert.deepEqual(again, first)
})
