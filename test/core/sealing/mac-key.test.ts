// The MAC of a row: over its fields one by one, and what is derived from its key for other purposes.

import assert from 'node:assert/strict'
import { createHmac, createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { MacKey } from '../../../src/core/sealing/mac-key.ts'

const bytes = Buffer.alloc(32, 7)
const key = new MacKey(createSecretKey(bytes))

test('a MAC is that of HMAC-SHA-256 over each field with its length in bytes', () => {
  const expected = createHmac('sha256', bytes).update('5:grün0:2:ab').digest()
  assert.deepEqual(key.mac(['grün', '', 'ab']), expected)
})

test('a MAC matches its own fields only, in full', () => {
  const mac = key.mac(['a', 'b'])
  assert.equal(key.macMatches(['a', 'b'], mac), true)
  for (const fields of [['b', 'a'], ['ab'], ['a', 'b', ''], []])
    assert.equal(key.macMatches(fields, mac), false)
  for (const other of [
    mac.subarray(0, 31),
    Buffer.concat([mac, Buffer.alloc(1)]),
    Buffer.alloc(0),
    Buffer.alloc(32),
  ])
    assert.equal(key.macMatches(['a', 'b'], other), false)
  const another = new MacKey(createSecretKey(Buffer.alloc(32, 8)))
  assert.equal(another.macMatches(['a', 'b'], mac), false)
})

test('the derived keys are stable, and none of them is another one or the MAC key', () => {
  const same = new MacKey(createSecretKey(bytes))
  assert.ok(key.anchorKey().equals(same.anchorKey()))
  assert.ok(key.accessKey().equals(same.accessKey()))
  const all = [key.anchorKey(), key.accessKey(), createSecretKey(bytes)].map((one) =>
    one.export().toString('hex'),
  )
  assert.equal(new Set(all).size, 3)
  assert.deepEqual(
    key.anchorKey().export(),
    createHmac('sha256', bytes).update('mortise anchor key 1').digest(),
    'an anchor of an earlier start still counts',
  )
})
