// The items of a response: what each repeats of its request, how it failed in its version, and its name in the metrics.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import type { RequestItem, RequestMessage } from '../../../src/wire/kmip/message.ts'
import { failedItem, resultOf, succeeded } from '../../../src/core/operations/response-items.ts'

const uniqueBatchItemId = Buffer.from('1')
const item = { operation: 'Destroy', operationCode: 20, uniqueBatchItemId } as unknown as RequestItem

test('an answer repeats the operation and the identifier of its item', () => {
  const payload = Buffer.from('payload')
  const repeated = { operationCode: 20, uniqueBatchItemId }
  assert.deepEqual(succeeded(item, payload), { ...repeated, status: 'Success', payload })
  for (const [version, reason] of [
    ['1.4', 'PermissionDenied'],
    ['2.1', 'ObjectDestroyed'],
  ] as const)
    assert.deepEqual(
      failedItem({ version } as RequestMessage, item, new Fault('ObjectDestroyed', 'it was destroyed')),
      { ...repeated, status: 'OperationFailed', reason, message: 'it was destroyed' },
    )
})

test('metrics name each end of an item: its status, or the reason for which it failed', () => {
  assert.equal(resultOf({ status: 'Success' }), 'success')
  assert.equal(resultOf({ status: 'OperationUndone' }), 'undone')
  assert.equal(resultOf({ status: 'OperationPending' }), 'pending')
  assert.equal(resultOf({ status: 'OperationFailed', reason: 'ItemNotFound' }), 'ItemNotFound')
  assert.equal(resultOf({ status: 'OperationFailed' }), 'failed')
})
