// The answer to an item that was undone: in 2.x a payload stays that only repeats the identifier, and every other is wiped.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handledOperations } from '../../../src/core/operations/handlers.ts'
import { undone } from '../../../src/core/operations/undone.ts'

const keepTheirs = [
  'Activate',
  'AddAttribute',
  'AdjustAttribute',
  'Archive',
  'Check',
  'DeleteAttribute',
  'Destroy',
  'GetUsageAllocation',
  'ModifyAttribute',
  'Recover',
  'Revoke',
  'SetAttribute',
]

test('a payload stays since 2.0 where it names an object that is still there, and is wiped otherwise', () => {
  for (const operation of [...handledOperations, null, undefined])
    for (const version of ['1.4', '2.0', '2.1'] as const) {
      const payload = Buffer.from('payload')
      const stays = version !== '1.4' && keepTheirs.includes(operation ?? '')
      const answer = undone({ status: 'Success', operationCode: 1, payload }, operation, version)
      const expected = { status: 'OperationUndone', operationCode: 1, ...(stays && { payload }) }
      assert.deepEqual(answer, expected, `${operation} ${version}`)
      assert.equal(payload.toString() === 'payload', stays, `${operation} ${version}`)
    }
  assert.deepEqual(undone({ status: 'Success' }, 'Destroy', '2.1'), { status: 'OperationUndone' })
})
