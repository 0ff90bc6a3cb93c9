// What every store must do with destroyed objects that can still be brought back: part of the store contract.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectRecord } from '../../../../src/core/ports/objects.ts'
import type { Store } from '../../../../src/core/ports/store.ts'
import { conflict, openPlace, type MakePlace } from '../store-place.ts'
import { change, create, objectRecord, objectWrite, waiting } from '../store-values.ts'

export function storeRecoveryContract(makePlace: MakePlace): void {
  test('what waits to be brought back is destroyed for all that look, and comes back as it was', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await create(store, objectRecord('a'), ['name'])
    await store.commit(change([objectWrite(waiting('a', 2, 50), ['name'], { k: 'v' })]))
    assert.deepEqual(await found(store, 'a'), waiting('a', 2, 50))
    const query = { instanceId: 'instance-1', limit: 10 }
    assert.deepEqual(await store.objects(query), [])
    assert.deepEqual(await store.objects({ ...query, index: [{ key: 'k', value: 'v' }] }), [])
    assert.equal((await store.objects({ ...query, includeDestroyed: true })).length, 1)
    assert.deepEqual({ ...(await store.objectCounts('instance-1', 0)) }, { Destroyed: 1 })

    const back = objectRecord('a', { version: 3, state: 'Deactivated' })
    await create(store, objectRecord('b'), ['name'])
    await assert.rejects(store.commit(change([objectWrite(back, ['name'])])), conflict('name'))
    await store.commit(change([objectWrite(back, ['other name'], { k: 'v' })]))
    assert.deepEqual(await found(store, 'a'), back)
    assert.equal((await store.objects({ ...query, index: [{ key: 'k', value: 'v' }] })).length, 1)
    assert.deepEqual({ ...(await store.objectCounts('instance-1', 0)) }, { Deactivated: 1, PreActive: 1 })
    await assert.rejects(create(store, objectRecord('c'), ['other name']), conflict('name'))
  })

  test('what waits counts for the limits until it is removed', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await create(store, objectRecord('a'))
    const { bytes } = await store.usage('instance-1')
    const none = { count: 0, firstDueMs: null, lastDueMs: null }
    assert.deepEqual(await store.recoverable('instance-1'), none)
    await store.commit(change([objectWrite(waiting('a', 2, 50))]))
    await create(store, objectRecord('b'))
    await store.commit(change([objectWrite(waiting('b', 2, 70))]))
    assert.deepEqual(await store.recoverable('instance-1'), { count: 2, firstDueMs: 50, lastDueMs: 70 })
    assert.equal((await store.usage('instance-1')).objects, 2)
    assert.ok((await store.usage('instance-1')).bytes >= bytes)
    const expect = { liveObjects: { instanceId: 'instance-1', count: 0 } }
    await assert.rejects(store.commit(change([], { expect })), conflict('object'))
    await remove(store, 'a')
    assert.deepEqual(await store.recoverable('instance-1'), { count: 1, firstDueMs: 70, lastDueMs: 70 })
    await store.commit(change([objectWrite(objectRecord('b', { version: 3 }))]))
    assert.deepEqual(await store.recoverable('instance-1'), none)
    assert.equal((await store.usage('instance-1')).objects, 1)
  })

  test('other changes of a destroyed object leave what waits, and bring nothing back that is gone', async (t) => {
    const { store } = await openPlace(t, makePlace)
    for (const id of ['a', 'b', 'c']) await create(store, objectRecord(id))
    await store.commit(change([objectWrite(waiting('a', 2, 50)), objectWrite(waiting('b', 2, 60))]))
    const changed = { ...waiting('a', 3, 50), attributes: Buffer.from('others') }
    await store.commit(change([objectWrite(changed)]))
    assert.deepEqual(await found(store, 'a'), changed)

    const otherBytes = objectRecord('a', { version: 4, sealed: Buffer.from('sealed material of X') })
    await assert.rejects(store.commit(change([objectWrite(otherBytes)])), conflict('object'))
    await remove(store, 'a')
    const { recoverable: _, ...gone } = changed
    assert.deepEqual(await found(store, 'a'), gone, 'the record stays as it is')
    for (const record of [waiting('a', 4, 50), objectRecord('a', { version: 4 })])
      await assert.rejects(store.commit(change([objectWrite(record)])), conflict('object'))
    await remove(store, 'a')
    // A change without what waits gives it up.
    const { recoverable: __, ...given } = waiting('b', 3, 60)
    await store.commit(change([objectWrite(given)]))
    await assert.rejects(store.commit(change([objectWrite(waiting('b', 4, 60))])), conflict('object'))
    assert.equal((await store.recoverable('instance-1')).count, 0)
    assert.equal((await found(store, 'c'))?.state, 'PreActive')
  })

  test('what is due is found in its order, in all instances, and an instance can give up all at once', async (t) => {
    const { store } = await openPlace(t, makePlace)
    for (const [n, id] of ['a', 'b', 'c'].entries()) {
      await create(store, objectRecord(id))
      await store.commit(change([objectWrite(waiting(id, 2, 100 - n))]))
    }
    const other = { instanceId: 'instance-2' }
    await create(store, objectRecord('a', other))
    await store.commit(change([objectWrite({ ...waiting('a', 2, 99), ...other })]))
    const ids = async (untilMs: number, limit: number) =>
      (await store.dueObjects(untilMs, limit)).map(
        ({ instanceId, uniqueIdentifier, version }) => `${instanceId} ${uniqueIdentifier} ${version}`,
      )
    assert.deepEqual(await ids(97, 10), [])
    assert.deepEqual(await ids(98, 10), ['instance-1 c 2'])
    assert.equal((await ids(99, 10)).length, 3)
    assert.deepEqual(await ids(1_000, 1), ['instance-1 c 2'])
    await store.commit(change([{ type: 'recoverable-removed', instanceId: 'instance-1' }]))
    assert.deepEqual(await ids(1_000, 10), ['instance-2 a 2'])
    assert.equal((await store.recoverable('instance-1')).count, 0)
  })

  test('the recovery clock is kept', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    assert.equal(await store.recoveryTime(), null)
    await store.commit(change([{ type: 'recovery-clock', ms: 10, atMs: 20 }]))
    await store.commit(change([{ type: 'recovery-clock', ms: 30, atMs: 15 }]))
    await store.close()
    const again = await place.open()
    t.after(() => again.close())
    assert.deepEqual(await again.recoveryTime(), { ms: 30, atMs: 15 })
  })
}

async function remove(store: Store, uniqueIdentifier: string): Promise<void> {
  await store.commit(change([{ type: 'recoverable-removed', instanceId: 'instance-1', uniqueIdentifier }]))
}

async function found(store: Store, id: string): Promise<ObjectRecord | undefined> {
  const {
    sequence: _,
    lastFetchedMs: __,
    isRemembered: ___,
    isPutBack: ____,
    ...record
  } = (await store.object('instance-1', id)) ?? {}
  if (!('state' in record)) return undefined
  const { recoverable, attributes, sealed, ...rest } = record
  return {
    ...rest,
    attributes: Buffer.from(attributes),
    sealed: sealed && Buffer.from(sealed),
    ...(recoverable && { recoverable: { ...recoverable, sealed: Buffer.from(recoverable.sealed) } }),
  }
}
