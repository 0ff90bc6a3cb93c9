// What an object says of itself and what its client says of it become one set of attributes, and neither contradicts the other
// (KMIP 1.4 §3.4, §3.5).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describedBy, otherLength } from '../../../../src/core/keys/forms/described-object.ts'
import type { BroughtObject } from '../../../../src/core/keys/forms/brought-object.ts'
import type { ObjectType } from '../../../../src/core/keys/object/managed-object.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

const brought = (more: Partial<BroughtObject> = {}): BroughtObject => ({
  material: { bytes: Buffer.alloc(16), head: {} },
  ...more,
})

const describe = (
  asked: object,
  more: Partial<BroughtObject> = {},
  objectType: ObjectType = 'SymmetricKey',
) => {
  const set = describedBy(attributeSet({ ...asked }), objectType, brought(more))
  return Object.fromEntries([...set].map(([key, [one]]) => [key, one?.value]))
}

const said = (CryptographicAlgorithm: string, CryptographicLength: number) => ({
  CryptographicAlgorithm,
  CryptographicLength,
})

test('what the Key Block states becomes the attributes, which may say the same and nothing else', () => {
  const block = { algorithm: 'AES', lengthBits: 128 } as const
  assert.deepEqual(describe({}, block), said('AES', 128))
  assert.deepEqual(describe(said('AES', 128), block), said('AES', 128))
  assert.deepEqual(describe({ Comment: 'text' }, block), { ...said('AES', 128), Comment: 'text' })
  assert.throws(
    () => describe(said('DES', 128), block),
    faults('InvalidField', /AES in the Key Block and DES/),
  )
  assert.throws(
    () => describe(said('AES', 256), block),
    faults('InvalidField', /128 in the Key Block and 256/),
  )
})

test('a key on a curve is for the algorithm that its client says, and as long as it says, in bits or whole bytes', () => {
  const curve = { algorithms: ['EC', 'ECDSA'], algorithm: 'EC', lengthBits: 521 } as const
  assert.deepEqual(describe({}, curve, 'PublicKey'), said('EC', 521))
  assert.deepEqual(describe(said('ECDSA', 528), curve, 'PublicKey'), said('ECDSA', 528))
  assert.throws(() => describe(said('ECDSA', 256), curve, 'PublicKey'), faults('InvalidField', /is 256/))
  assert.throws(() => describe(said('RSA', 521), curve, 'PublicKey'), faults('InvalidField', /is RSA/))
})

test('what the object says of itself goes in, and the client may say one of it', () => {
  const own = { attributes: attributeSet({ CertificateSubjectOU: ['one', 'two'] }) }
  const set = (asked: object) => describedBy(attributeSet({ ...asked }), 'Certificate', brought(own))
  for (const asked of [{}, { CertificateSubjectOU: 'one' }, { CertificateSubjectOU: ['three', 'one'] }])
    assert.deepEqual(set(asked), own.attributes)
  assert.throws(() => set({ CertificateSubjectOU: 'two' }), faults('InvalidField', /contradicts the object/))
})

test('a symmetric key that is here has the length of its bytes where nobody says another', () => {
  const wrapping = { data: '', isInKeyValue: false }
  const bytes = Buffer.alloc(16)
  assert.deepEqual(describe({}), { CryptographicLength: 128 })
  assert.deepEqual(describe({ CryptographicLength: 127 }), { CryptographicLength: 127 })
  for (const head of [{ isElsewhere: true }, { wrapping }] as const)
    assert.deepEqual(describe({}, { material: { bytes, head } }), {})
  assert.deepEqual(describe({}, {}, 'SecretData'), {})
})

const other = (
  asked: object,
  objectType: ObjectType = 'SymmetricKey',
  head: BroughtObject['material']['head'] = {},
) =>
  otherLength(
    { objectType, attributes: attributeSet({ ...asked }) },
    brought({ material: { bytes: Buffer.alloc(16), head } }),
  )

test('a symmetric key may count its last byte in part, and one with parity its bits without', () => {
  for (const bits of [121, 127, 128]) assert.equal(other({ CryptographicLength: bits }), undefined)
  for (const bits of [0, -8, 120, 129, 256])
    assert.deepEqual(other({ CryptographicLength: bits }), { statedBits: bits, materialBits: 128 })
  assert.equal(other({}), undefined)
  assert.equal(other(said('DES3', 112)), undefined)
  assert.deepEqual(other(said('DES3', 0)), { statedBits: 0, materialBits: 128 })
  const wrong = { CryptographicLength: 256 }
  assert.equal(other(wrong, 'SecretData'), undefined)
  assert.equal(other(wrong, 'SymmetricKey', { isElsewhere: true }), undefined)
  assert.equal(other(wrong, 'SymmetricKey', { wrapping: { data: '', isInKeyValue: false } }), undefined)
})
