// A proof keeps enough of a key to recognize it, and nothing that is known elsewhere.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { agrees, checkOf, isSameRootKey, type Proof } from '../../../src/features/adopt/proof.ts'

const key = Buffer.alloc(32, 7)
const salt = '11'.repeat(32)
const check = checkOf(salt, 'a', key) ?? assert.fail('no check')
const proof: Proof = { rootKey: 'keyprotect://HOST/I/K', ways: [], salt, checks: { a: check } }

test('a check recognizes the key of its identifier, and no other', () => {
  assert.match(check, /^[0-9a-f]{32}$/)
  assert.equal(agrees(proof, 'a', key), true)
  assert.equal(agrees(proof, 'a', Buffer.alloc(32, 8)), false)
  assert.equal(agrees(proof, 'a', Buffer.alloc(8, 7)), false)
  for (const unknown of ['b', 'toString', '__proto__']) assert.equal(agrees(proof, unknown, key), undefined)
})

test('a check is neither the digest of the key nor the check of it elsewhere', () => {
  assert.ok(!createHash('sha256').update(key).digest('hex').includes(check))
  assert.notEqual(checkOf('22'.repeat(32), 'a', key), check)
  assert.notEqual(checkOf(salt, 'b', key), check)
  assert.equal(checkOf(salt, 'a', Buffer.alloc(15)), undefined, 'a short key could be guessed')
})

test('a root key is the same at its private and its public host', () => {
  assert.ok(
    isSameRootKey('keyprotect://private.us-south.kms.cloud.ibm.com/I/K', 'hpcs://other/I/K?key-ring=r'),
  )
  assert.ok(!isSameRootKey('keyprotect://HOST/I/K', 'keyprotect://HOST/I/L'))
})
