// Words in a row.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listed } from '../../../src/base/text/listed.ts'

test('a word stands before the last, and commas between the others', () => {
  assert.equal(listed(['a', 'b', 'c'], 'or'), 'a, b or c')
  assert.equal(listed(['a', 'b'], 'and'), 'a and b')
  assert.equal(listed(['a'], 'and'), 'a')
  assert.equal(listed([], 'or'), '')
})
