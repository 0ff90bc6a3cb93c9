// An audit entry names the calls of a root key's service that were made for it, and not more than it has room for.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namedCalls } from '../../../src/core/audit/correlation-ids.ts'

const calls = (count: number) => Array.from({ length: count }, (_, n) => `call-${n}`)

test('the first eight calls are named, and without a call there is no word of them', () => {
  assert.deepEqual(namedCalls(new Set()), {})
  for (const count of [1, 8, 9])
    assert.deepEqual(namedCalls(new Set(calls(count))), {
      correlationIds: calls(Math.min(count, 8)).join(' '),
    })
})
