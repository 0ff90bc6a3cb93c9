// What the store and wrapping make of parts of an object: Key Values, key material in transparent formats, wrapping data.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  isTransparent,
  packKeyValue,
  packTransparent,
  packWrappingData,
  unpackKeyValue,
  unpackTransparent,
  unpackWrappingData,
} from '../../../src/wire/kmip/objects.ts'
import { TtlvError } from '../../../src/wire/ttlv/error.ts'

const KeyMaterial = Buffer.alloc(16, 7)

test('a Key Value comes back with the attributes of either form, and its version may be stated', () => {
  const Attribute = [{ AttributeName: 'Cryptographic Length', AttributeValue: 128 }]
  const old = { KeyMaterial, Attribute }
  const now = { KeyMaterial, Attributes: { CryptographicLength: 128, Attribute: [] } }
  assert.deepEqual(unpackKeyValue('Raw', packKeyValue('Raw', old)), old)
  const packed = packKeyValue('Raw', now)
  assert.equal((unpackKeyValue('Raw', packed) as typeof now).Attributes.CryptographicLength, 128)
  assert.deepEqual(packKeyValue('Raw', now, '1.4'), packKeyValue('Raw', { KeyMaterial }))
  assert.deepEqual(packKeyValue('Raw', old, '2.0'), packKeyValue('Raw', { KeyMaterial }))
  assert.throws(() => unpackKeyValue('Raw', packed.subarray(1)), TtlvError)
})

test('key material of a transparent format is a structure, of any other a byte string', () => {
  assert.deepEqual(['TransparentECPublicKey', 'Raw'].map(isTransparent), [true, false])
  const format = 'TransparentSymmetricKey'
  const material = { Key: KeyMaterial }
  assert.deepEqual(unpackTransparent(format, packTransparent(format, material)), material)
  const value = { KeyMaterial: material, Attribute: [] }
  const packed = packKeyValue(format, value)
  assert.deepEqual(unpackKeyValue(format, packed), value)
  assert.throws(() => unpackKeyValue('Raw', packed), TtlvError)
})

test('wrapping data is stored with what newer versions added', () => {
  const data = {
    WrappingMethod: 'Encrypt',
    IVCounterNonce: KeyMaterial,
    EncodingOption: 'NoEncoding',
  } as const
  assert.deepEqual(unpackWrappingData(packWrappingData(data)), data)
})
