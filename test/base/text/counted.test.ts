// The nouns behind numbers.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counted, keysAndObjects } from '../../../src/base/text/counted.ts'

test('one of something has the singular, none and several have the plural', () => {
  assert.deepEqual(
    [0, 1, 2].map((count) => counted(count, 'key')),
    ['0 keys', '1 key', '2 keys'],
  )
  assert.equal(counted(1, 'entry', 'entries'), '1 entry')
  assert.equal(counted(3, 'entry', 'entries'), '3 entries')
  assert.equal(keysAndObjects(1), '1 key or other object')
  assert.equal(keysAndObjects(2), '2 keys and other objects')
})
