// The part of the store contract that is about what was adopted on demand: counts for people. (store-contract-backup.ts:
// no dump carries them.)

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from '../../../../src/core/ports/store.ts'
import { conflict, openPlace, type MakePlace } from '../store-place.ts'
import { change, create, objectRecord, objectWrite } from '../store-values.ts'

export function storeUpstreamContract(makePlace: MakePlace): void {
  test('what is adopted on demand is counted with its commit, by instance, and with the time of the last', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const none = { count: 0, lastMs: null }
    assert.deepEqual({ ...(await store.adoptedOnDemand('instance-1')) }, none)
    await adopt(store, 'a', 50)
    await adopt(store, 'b', 70)
    assert.deepEqual({ ...(await store.adoptedOnDemand('instance-1')) }, { count: 2, lastMs: 70 })
    assert.deepEqual({ ...(await store.adoptedOnDemand('instance-2')) }, none)
    await assert.rejects(adopt(store, 'a', 90), conflict('object'))
    await create(store, objectRecord('c'))
    assert.deepEqual({ ...(await store.adoptedOnDemand('instance-1')) }, { count: 2, lastMs: 70 })
  })
}

/** A new object and its count, in one commit. */
async function adopt(store: Store, uniqueIdentifier: string, atMs: number): Promise<void> {
  const instanceId = 'instance-1'
  const isNew = { instanceId, uniqueIdentifier, version: null }
  const writes = [
    objectWrite(objectRecord(uniqueIdentifier)),
    { type: 'adopted-on-demand', instanceId, atMs } as const,
  ]
  await store.commit(change(writes, { expect: { objects: [isNew] } }))
}
