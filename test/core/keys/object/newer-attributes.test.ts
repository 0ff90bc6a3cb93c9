// The attributes that KMIP 2.x gives every object.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { Fault } from '../../../../src/wire/kmip/fault.ts'
import {
  requireQuantumSafe,
  withDerived,
  withFormat,
} from '../../../../src/core/keys/object/newer-attributes.ts'
import { attributeSet } from '../../../support/server/core.ts'

const isFault = (reason: string, message: RegExp) => (error: unknown) =>
  error instanceof Fault && error.reason === reason && message.test(error.message)

test('who demands Quantum Safe gets no key that a quantum computer breaks', () => {
  const refused = isFault('GeneralFailure', /is not Quantum Safe/)
  const table = [
    ['PrivateKey', { CryptographicAlgorithm: 'RSA', CryptographicLength: 4096 }, false],
    ['PublicKey', { CryptographicAlgorithm: 'Ed25519', CryptographicLength: 256 }, false],
    ['PrivateKey', { CryptographicAlgorithm: 'Ed448', CryptographicLength: 456 }, false],
    ['PublicKey', { CryptographicAlgorithm: 'SM2', CryptographicLength: 256 }, false],
    ['PrivateKey', { CryptographicAlgorithm: 'GOSTR34_10_2012', CryptographicLength: 512 }, false],
    ['PublicKey', { CryptographicAlgorithm: 'XMSS' }, true],
    ['SymmetricKey', { CryptographicAlgorithm: 'AES', CryptographicLength: 128 }, false],
    ['SymmetricKey', { CryptographicAlgorithm: 'AES', CryptographicLength: 255 }, false],
    ['SymmetricKey', { CryptographicAlgorithm: 'AES', CryptographicLength: 256 }, true],
    ['SymmetricKey', { CryptographicAlgorithm: 'AES' }, true],
    ['SecretData', { CryptographicLength: 64 }, true],
    ['OpaqueObject', {}, true],
  ] as const
  for (const [objectType, attributes, allowed] of table) {
    const check = (QuantumSafe?: boolean) =>
      requireQuantumSafe(
        objectType,
        attributeSet({ ...attributes, ...(QuantumSafe !== undefined && { QuantumSafe }) }),
      )
    const of = JSON.stringify([objectType, attributes])
    if (allowed) assert.doesNotThrow(() => check(true), of)
    else assert.throws(() => check(true), refused, of)
    assert.doesNotThrow(() => check(false), of)
    assert.doesNotThrow(() => check(), of)
  }
})

test('the format is that of the material, and a client that asked for another is refused', () => {
  const table = [
    ['SymmetricKey', { keyFormatType: 'Raw' }, 'Raw'],
    ['PrivateKey', { keyFormatType: 'PKCS_8' }, 'PKCS_8'],
    ['Certificate', {}, 'Raw'],
    ['CertificateRequest', {}, 'PKCS_10'],
    ['OpaqueObject', {}, 'Opaque'],
    ['Template', {}, undefined],
  ] as const
  for (const [objectType, head, format] of table) {
    const set = withFormat(attributeSet({}), objectType, head)
    assert.equal(set.get('KeyFormatType')?.[0]?.value, format, objectType)
    assert.equal(set.has('OpaqueDataType'), false)
    const asked = attributeSet({ KeyFormatType: 'X_509' })
    assert.throws(
      () => withFormat(asked, objectType, head),
      isFault(
        'KeyFormatTypeNotSupported',
        format === undefined ? /stored as it is/ : new RegExp(`as ${format},`),
      ),
    )
  }
  const asked = attributeSet({ KeyFormatType: 'Raw' })
  assert.equal(withFormat(asked, 'SymmetricKey', {}).get('KeyFormatType')?.[0]?.value, 'Raw')
  const opaque = withFormat(attributeSet({}), 'OpaqueObject', { opaqueDataType: 5 })
  assert.equal(opaque.get('OpaqueDataType')?.[0]?.value, 5)
})

test('what follows from the object is not stored with it', () => {
  const derived = withDerived(attributeSet({}), 'an identifier')
  assert.deepEqual([...derived.keys()], ['ShortUniqueIdentifier', 'ProtectionStorageMask', 'ObjectClass'])
  const short = derived.get('ShortUniqueIdentifier')?.[0]?.value
  assert.deepEqual(short, createHash('sha256').update('an identifier').digest())
})
