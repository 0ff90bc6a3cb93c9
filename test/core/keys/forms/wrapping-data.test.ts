// A key that comes wrapped, as functions: which bytes are stored, what must be said of the wrapping, and that it leaves as it came.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encrypts,
  wrappedMaterial,
  wrappedValue,
  wrappingDataOf,
} from '../../../../src/core/keys/forms/wrapping-data.ts'
import type { KeyValue, KeyWrappingData } from '../../../../src/wire/kmip/objects.ts'
import { faults } from '../../../support/server/core.ts'

const KeyMaterial = Buffer.from('wrapped bytes')
const by = { UniqueIdentifier: 'k' }
const methods = ['Encrypt', 'MACSign', 'EncryptThenMACSign', 'MACSignThenEncrypt', 'TR_31'] as const

const wrapping = (data: Partial<KeyWrappingData> & Pick<KeyWrappingData, 'WrappingMethod'>) =>
  data as KeyWrappingData

test('each method but a MAC alone encrypts, and needs the key that encrypts; a MAC needs that which makes it', () => {
  for (const WrappingMethod of methods) {
    const isMac = WrappingMethod === 'MACSign'
    assert.equal(encrypts({ WrappingMethod }), !isMac, WrappingMethod)
    const [own, other] = [
      { EncryptionKeyInformation: by },
      { MACSignatureKeyInformation: by, EncodingOption: 'NoEncoding' },
    ] as const
    const [right, wrong] = isMac ? [other, own] : [own, other]
    const { bytes, wrapping: head } = wrappedMaterial(
      'Raw',
      wrapping({ WrappingMethod, ...right }),
      KeyMaterial,
    )
    assert.deepEqual([bytes, head.isInKeyValue], [KeyMaterial, false], WrappingMethod)
    assert.equal(wrappingDataOf(head).WrappingMethod, WrappingMethod)
    assert.throws(
      () => wrappedMaterial('Raw', wrapping({ WrappingMethod, ...wrong }), KeyMaterial),
      faults('InvalidField', /by which key/),
      WrappingMethod,
    )
  }
})

test('it leaves in the form in which it came: bytes alone, as Key Material, or as a Key Value that was MACed as TTLV', () => {
  const encrypted = wrapping({ WrappingMethod: 'Encrypt', EncryptionKeyInformation: by })
  const maced = (EncodingOption?: 'NoEncoding' | 'TTLVEncoding') =>
    wrapping({ WrappingMethod: 'MACSign', MACSignatureKeyInformation: by, EncodingOption })
  const bare = { KeyMaterial }
  const withAttribute = {
    KeyMaterial,
    Attribute: [{ AttributeName: 'Comment', AttributeValue: 'c' }],
  } as unknown as KeyValue
  for (const [data, value, stored] of [
    [encrypted, KeyMaterial, KeyMaterial],
    [encrypted, bare, KeyMaterial],
    [maced('NoEncoding'), bare, KeyMaterial],
    [maced(), bare, undefined],
    [maced('TTLVEncoding'), bare, undefined],
  ] as const) {
    const { bytes, wrapping: head } = wrappedMaterial('Raw', data, value)
    if (stored) assert.deepEqual(bytes, stored)
    else assert.ok(bytes.includes(KeyMaterial) && bytes.length > KeyMaterial.length, 'the whole Key Value')
    const left = wrappedValue('Raw', head, bytes)
    const material = left instanceof Uint8Array ? left : left?.KeyMaterial
    assert.deepEqual(Buffer.from(material as Uint8Array), KeyMaterial)
    assert.equal(left instanceof Uint8Array, value instanceof Uint8Array)
  }
  assert.ok(wrappedMaterial('Raw', maced(), withAttribute).bytes.includes('Comment'), 'MACed with the key')
})

const encrypted = (EncodingOption?: 'NoEncoding') =>
  wrapping({ WrappingMethod: 'Encrypt', EncryptionKeyInformation: by, EncodingOption })

test('nothing stands beside a key that is encrypted, and it is a byte string', () => {
  const value = (more: object) => ({ KeyMaterial, ...more }) as unknown as KeyValue
  const one = [{ AttributeName: 'Comment', AttributeValue: 'c' }]
  for (const beside of [{ Attribute: one }, { Attributes: { Attribute: [] } }]) {
    assert.throws(
      () => wrappedMaterial('Raw', encrypted('NoEncoding'), value(beside)),
      faults('EncodingOptionError', /without an encoding/),
    )
    assert.throws(
      () => wrappedMaterial('Raw', encrypted(), value(beside)),
      faults('InvalidField', /none may stand beside it/),
    )
  }
  assert.deepEqual(wrappedMaterial('Raw', encrypted(), value({ Attribute: [] })).bytes, KeyMaterial)
  const parts = value({ KeyMaterial: { Key: KeyMaterial } })
  assert.throws(
    () => wrappedMaterial('TransparentSymmetricKey', encrypted(), parts),
    faults('InvalidField', /is a byte string/),
  )
})
