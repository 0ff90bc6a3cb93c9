// The object by which another one is wrapped: one that is not there has a reason of its own, and every other failure stays.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TransactionObjects } from '../../../../src/core/keys/transaction/transaction-objects.ts'
import { wrappingObject } from '../../../../src/core/keys/use/wrapping-object.ts'
import { Fault } from '../../../../src/wire/kmip/fault.ts'

const found = (live: () => Promise<unknown>) => wrappingObject({ live } as unknown as TransactionObjects, 'w')

test('a wrapping key that is gone, destroyed or archived is refused as that, and tells the cause', async () => {
  for (const [reason, expected] of [
    ['ObjectArchived', 'WrappingObjectArchived'],
    ['ObjectDestroyed', 'WrappingObjectDestroyed'],
    ['ObjectNotFound', 'WrappingObjectNotFound'],
  ] as const) {
    const cause = new Fault(reason, 'it is not here')
    await assert.rejects(
      found(() => Promise.reject(cause)),
      { reason: expected, message: 'the key by which it is wrapped: it is not here', cause },
    )
  }
  for (const other of [new Fault('PermissionDenied', 'no'), new TypeError('a bug')])
    await assert.rejects(
      found(() => Promise.reject(other)),
      (error) => error === other,
    )
  const object = {}
  assert.equal(await found(async () => object), object)
})
