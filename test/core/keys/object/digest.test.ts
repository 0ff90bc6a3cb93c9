// Digests of key material: whose are secret, and what one says.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { digestIsSecret, digestOf } from '../../../../src/core/keys/object/digest.ts'
import type { ObjectType } from '../../../../src/core/keys/object/managed-object.ts'
import { packTransparent } from '../../../../src/wire/kmip/objects.ts'
import { enums } from '../../../../src/wire/kmip/enums.ts'

test('the digests of what may be guessed are secret, and no others', () => {
  const secret = (Object.keys(enums.ObjectType) as ObjectType[]).filter(digestIsSecret)
  assert.deepEqual(secret.toSorted(), ['OpaqueObject', 'SecretData'])
})

test('a digest is the SHA-256 of the bytes, with the format where there is one', () => {
  const bytes = Buffer.from('key')
  const expected = { HashingAlgorithm: 'SHA_256', DigestValue: createHash('sha256').update(bytes).digest() }
  assert.deepEqual(digestOf({ bytes, head: {} }), expected)
  assert.deepEqual(digestOf({ bytes, head: { keyFormatType: 'Raw' } }), { ...expected, KeyFormatType: 'Raw' })
})

test('the digest of a symmetric key in its transparent form is that of the form, and the key stays', () => {
  const bytes = Buffer.from('key')
  const head = { keyFormatType: 'TransparentSymmetricKey' } as const
  const form = packTransparent('TransparentSymmetricKey', { Key: Buffer.from('key') })
  assert.ok(form.length > bytes.length)
  assert.deepEqual(digestOf({ bytes, head }).DigestValue, createHash('sha256').update(form).digest())
  assert.equal(bytes.toString(), 'key')
})
