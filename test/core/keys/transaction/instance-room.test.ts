// An instance is full at its bound, not one before it, and says which bound it is and how to raise it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requireRoom } from '../../../../src/core/keys/transaction/instance-room.ts'
import { makeInstance, openCore, faults } from '../../../support/server/core.ts'

test('an instance that has as much as it may takes nothing more', async (t) => {
  const instance = await makeInstance(await openCore(t), 'small', { objectsMax: 5, bytesMax: 1_000 })
  const used = (objects: number, bytes: number) =>
    requireRoom({ usage: () => Promise.resolve({ objects, bytes }) }, instance)
  await used(4, 999)
  await assert.rejects(used(5, 0), faults('ServerLimitExceeded', /\(5\): .*--objects-max/))
  await assert.rejects(used(0, 1_000), faults('ServerLimitExceeded', /1000 bytes.*--bytes-max/))
})
