// Which address is offered first to type into vCenter.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byReach } from '../../../console/src/pages/reachable.ts'

test('a full name comes first, and what only this machine reaches comes last', () => {
  const names = ['localhost', '127.0.0.1', '::1', '192.0.2.7', 'kms', '2001:db8::7', 'kms.example.com']
  assert.deepEqual(byReach(names), [
    'kms.example.com',
    'kms',
    '192.0.2.7',
    '2001:db8::7',
    'localhost',
    '127.0.0.1',
    '::1',
  ])
})
