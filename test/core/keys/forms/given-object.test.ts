// What an answer holds of a secret besides the object's own bytes is handed over to be wiped; and each version has words of its own.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { wireObject } from '../../../../src/core/keys/forms/given-object.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

test('a private key in another format is a copy to be wiped; in its own it is none', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const bytes = privateKey.export({ type: 'pkcs8', format: 'der' })
  const object = {
    objectType: 'PrivateKey',
    attributes: attributeSet({}),
    material: { bytes, head: { keyFormatType: 'PKCS_8' } },
  } as const
  for (const [format, isCopy] of [
    [undefined, false],
    ['PKCS_8', false],
    ['ECPrivateKey', true],
  ] as const) {
    const copies: Buffer[] = []
    const onCopy = (copy: Buffer) => void copies.push(copy)
    const given = wireObject(object, { version: '1.4', format, onCopy })
    const value = given.PrivateKey?.KeyBlock.KeyValue
    assert.ok(value && 'KeyMaterial' in value)
    assert.deepEqual(copies, isCopy ? [value.KeyMaterial] : [], format)
    assert.equal(value.KeyMaterial === bytes, !isCopy)
    assert.deepEqual(wireObject(object, { version: '1.4', format, onCopy: undefined }), given)
  }
})

test('a curve that a version has no word for is given in no form that names it', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' })
  const bytes = publicKey.export({ type: 'spki', format: 'der' })
  const object = {
    objectType: 'PublicKey',
    attributes: attributeSet({}),
    material: { bytes, head: { keyFormatType: 'X_509' } },
  } as const
  const give = (version: '1.1' | '1.2', format?: 'TransparentECDSAPublicKey') =>
    wireObject(object, { version, format, onCopy: undefined }).PublicKey?.KeyBlock.KeyValue
  assert.deepEqual(give('1.1'), { KeyMaterial: bytes })
  assert.ok(give('1.2', 'TransparentECDSAPublicKey'))
  assert.throws(
    () => give('1.1', 'TransparentECDSAPublicKey'),
    faults('FeatureNotSupported', /no RecommendedCurve/),
  )
})
