// An object in a message: the structure of its type, the formats in which it is given, and what a version has no word for.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import {
  requireWord,
  wireObject,
  type GivenObject,
  type ObjectForm,
} from '../../../../src/core/keys/forms/given-object.ts'
import type { ObjectType } from '../../../../src/core/keys/object/managed-object.ts'
import type { Version } from '../../../../src/wire/kmip/version.ts'
import type { MaterialHead } from '../../../../src/core/sealing/envelope.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

const bytes = Buffer.from('material')

const object = (
  objectType: ObjectType,
  head: MaterialHead = {},
  attributes: Readonly<Record<string, unknown>> = {},
  material = bytes,
): GivenObject => ({ objectType, attributes: attributeSet(attributes), material: { bytes: material, head } })

const give = (of: GivenObject, version: Version = '3.0', more: Partial<ObjectForm> = {}): unknown =>
  wireObject(of, { version, ...more })

const keyBlock = (KeyFormatType: string, KeyMaterial: unknown = bytes, more: object = {}) => ({
  KeyFormatType,
  KeyCompressionType: undefined,
  KeyValue: { KeyMaterial },
  CryptographicAlgorithm: undefined,
  CryptographicLength: undefined,
  ...more,
})

test('each type has its structure, and what was stored without a type of its own the usual one', () => {
  assert.deepEqual(give(object('OpaqueObject', { opaqueDataType: 7 })), {
    OpaqueObject: { OpaqueDataType: 7, OpaqueDataValue: bytes },
  })
  assert.deepEqual(give(object('OpaqueObject')), {
    OpaqueObject: { OpaqueDataType: 0, OpaqueDataValue: bytes },
  })
  for (const [head, CertificateType] of [
    [{}, 'X_509'],
    [{ certificateType: 'PGP' }, 'PGP'],
  ] as const)
    assert.deepEqual(give(object('Certificate', head)), {
      Certificate: { CertificateType, CertificateValue: bytes },
    })
  for (const [head, CertificateRequestType] of [
    [{}, 'PKCS_10'],
    [{ certificateRequestType: 'CRMF' }, 'CRMF'],
  ] as const)
    assert.deepEqual(give(object('CertificateRequest', head)), {
      CertificateRequest: { CertificateRequestType, CertificateRequestValue: bytes },
    })
  for (const [head, SecretDataType] of [
    [{}, 'Password'],
    [{ secretDataType: 'Seed' }, 'Seed'],
  ] as const)
    assert.deepEqual(give(object('SecretData', head)), {
      SecretData: { SecretDataType, KeyBlock: keyBlock('Raw') },
    })
  for (const [head, PGPKeyVersion] of [
    [{}, 4],
    [{ pgpKeyVersion: 3 }, 3],
  ] as const)
    assert.deepEqual(give(object('PGPKey', head)), { PGPKey: { PGPKeyVersion, KeyBlock: keyBlock('Raw') } })
  assert.deepEqual(give(object('SymmetricKey')), { SymmetricKey: { KeyBlock: keyBlock('Raw') } })
})

test('a part of a key says which it is, of a split by which method and over which field', () => {
  const place = { parts: 3, part: 2, threshold: 2, method: 'XOR' } as const
  const fields = { SplitKeyParts: 3, KeyPartIdentifier: 2, SplitKeyThreshold: 2, SplitKeyMethod: 'XOR' }
  const KeyBlock = keyBlock('Raw')
  assert.deepEqual(give(object('SplitKey', { splitKey: place })), {
    SplitKey: { ...fields, PrimeFieldSize: undefined, KeyBlock },
  })
  assert.deepEqual(give(object('SplitKey', { splitKey: { ...place, primeFieldSize: '257' } })), {
    SplitKey: { ...fields, PrimeFieldSize: 257n, KeyBlock },
  })
  const newer = object('SplitKey', { splitKey: { ...place, method: 'PolynomialSharingGF28' } })
  assert.ok(give(newer, '1.2'))
  assert.throws(
    () => give(newer, '1.1'),
    faults('FeatureNotSupported', /SplitKeyMethod PolynomialSharingGF28/),
  )
  assert.throws(() => give(object('SplitKey')), /without its place/)
})

test('an object whose type a version does not know, or that holds nothing to give, is not given', () => {
  assert.ok(give(object('PGPKey'), '1.2'))
  assert.throws(() => give(object('PGPKey'), '1.1'), faults('FeatureNotSupported', /no ObjectType PGPKey/))
  assert.throws(() => give(object('User')), faults('IllegalObjectType', /type User/))
  for (const version of ['1.0', '3.0'] as const)
    assert.throws(
      () => requireWord('RecommendedCurve', 'none', version),
      faults('FeatureNotSupported', /none/),
    )
})

test('a certificate and a request have one form each, under two names', () => {
  for (const [type, formats] of [
    ['Certificate', ['X_509', 'Raw']],
    ['CertificateRequest', ['PKCS_10', 'Raw']],
  ] as const) {
    for (const format of formats) assert.deepEqual(give(object(type), '2.1', { format }), give(object(type)))
    for (const format of ['PKCS_1', type === 'Certificate' ? 'PKCS_10' : 'X_509'] as const)
      assert.throws(
        () => give(object(type), '2.1', { format }),
        faults('KeyFormatTypeNotSupported', new RegExp(`type ${type} is not given as ${format}`)),
      )
  }
})

test('a template gives the attributes that clients may set and the version has, without the marks of its adoption', () => {
  const template = object(
    'Template',
    {},
    {
      CryptographicAlgorithm: 'AES',
      Comment: 'text',
      InitialDate: 5n,
      'x-Mortise-Adopted': { type: 'TextString', value: 'old' },
    },
  )
  const names = (version: Version) => {
    const { Template } = wireObject(template, { version })
    return Template?.Attribute.map(({ AttributeName }) => AttributeName)
  }
  assert.deepEqual(names('1.4'), ['Cryptographic Algorithm', 'Comment'])
  assert.deepEqual(names('1.2'), ['Cryptographic Algorithm'])
})

test('a symmetric key is given raw or transparent, whichever it came as, and in no other format', () => {
  for (const kept of ['Raw', 'TransparentSymmetricKey'] as const) {
    const key = object('SymmetricKey', { keyFormatType: kept })
    const raw = { SymmetricKey: { KeyBlock: keyBlock('Raw') } }
    const transparent = { SymmetricKey: { KeyBlock: keyBlock('TransparentSymmetricKey', { Key: bytes }) } }
    assert.deepEqual(give(key), kept === 'Raw' ? raw : transparent)
    assert.deepEqual(give(key, '1.4', { format: 'Raw' }), raw)
    assert.deepEqual(give(key, '1.4', { format: 'TransparentSymmetricKey' }), transparent)
    for (const format of ['PKCS_1', 'Opaque'] as const)
      assert.throws(
        () => give(key, '1.4', { format }),
        faults('KeyFormatTypeNotSupported', new RegExp(`kept as ${kept} and cannot be given as ${format}`)),
      )
  }
  const opaque = object('SymmetricKey', { keyFormatType: 'Opaque' })
  assert.deepEqual(give(opaque, '1.4', { format: 'Opaque' }), {
    SymmetricKey: { KeyBlock: keyBlock('Opaque') },
  })
  assert.throws(() => give(opaque, '1.4', { format: 'Raw' }), faults('KeyFormatTypeNotSupported'))
})

test('algorithm and length are stated of keys, if the version knows the algorithm', () => {
  const said = { CryptographicAlgorithm: 'ChaCha20', CryptographicLength: 256 }
  const key = object('SymmetricKey', {}, said)
  assert.deepEqual(give(key, '1.4'), { SymmetricKey: { KeyBlock: keyBlock('Raw', bytes, said) } })
  assert.deepEqual(give(key, '1.3'), { SymmetricKey: { KeyBlock: keyBlock('Raw') } })
  const nothing = object('SymmetricKey', {}, { CryptographicLength: 256 })
  assert.deepEqual(give(nothing), { SymmetricKey: { KeyBlock: keyBlock('Raw') } })
  assert.deepEqual(give(object('SecretData', {}, said)), {
    SecretData: { SecretDataType: 'Password', KeyBlock: keyBlock('Raw') },
  })
})

test('a key that is elsewhere has no value', () => {
  const { KeyValue: _, ...bare } = keyBlock('Raw')
  assert.deepEqual(give(object('SymmetricKey', { isElsewhere: true })), { SymmetricKey: { KeyBlock: bare } })
})

const compressed = 'ECPublicKeyTypeX9_62CompressedPrime'
const uncompressed = 'ECPublicKeyTypeUncompressed'
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const spki = ec.publicKey.export({ type: 'spki', format: 'der' })
const publicKey = (head: MaterialHead = {}) =>
  object('PublicKey', { keyFormatType: 'X_509', ...head }, {}, spki)

const blockOf = (of: GivenObject, more: Partial<ObjectForm>) => {
  const { PublicKey } = wireObject(of, { version: '1.4', ...more })
  assert.ok(PublicKey && PublicKey.KeyBlock.KeyValue && 'KeyMaterial' in PublicKey.KeyBlock.KeyValue)
  const { KeyCompressionType, KeyValue } = PublicKey.KeyBlock
  return [KeyCompressionType, KeyValue.KeyMaterial] as const
}

test('the point of a public key is given compressed or not, as is asked, and says so where it is', () => {
  assert.deepEqual(blockOf(publicKey(), {}), [undefined, spki])
  const [said, short] = blockOf(publicKey(), { compression: compressed })
  assert.equal(said, compressed)
  assert.ok(short instanceof Buffer && short.length === spki.length - 32)
  const stored = object('PublicKey', { keyFormatType: 'X_509', keyCompressionType: compressed }, {}, short)
  assert.deepEqual(blockOf(stored, {}), [compressed, short])
  assert.deepEqual(blockOf(stored, { format: 'X_509' }), [compressed, short])
  assert.deepEqual(blockOf(stored, { compression: uncompressed }), [undefined, spki])
  const [otherSaid, other] = blockOf(stored, { format: 'TransparentECPublicKey' })
  assert.equal(otherSaid, undefined)
  assert.deepEqual('QString' in other && other.QString, spki.subarray(-65), 'in another format it is whole')
})

const refused = (text: RegExp) => faults('KeyCompressionTypeNotSupported', text)

test('what has no point, or not such a one, is not given compressed', () => {
  const asked = { compression: compressed } as const
  assert.throws(() => give(object('SymmetricKey'), '1.4', asked), refused(/no point to compress/))
  assert.ok(give(object('SymmetricKey'), '1.4', { compression: uncompressed }))
  const binary = { compression: 'ECPublicKeyTypeX9_62CompressedChar2' } as const
  assert.throws(() => give(publicKey(), '1.4', binary), refused(/not given with the compression/))
  const wrapping = { data: 'AA==', isInKeyValue: false }
  assert.throws(() => give(publicKey({ wrapping }), '1.4', asked), refused(/stored wrapped/))
})

test('a damaged key is given as it came, and in no other format', () => {
  const damaged = object('PrivateKey', { keyFormatType: 'PKCS_8' })
  assert.deepEqual(give(damaged), { PrivateKey: { KeyBlock: keyBlock('PKCS_8') } })
  assert.throws(
    () => give(damaged, '1.4', { format: 'PKCS_1' }),
    faults('KeyFormatTypeNotSupported', /kept as PKCS_8/),
  )
})

test('a format that the version has no word for is not given', () => {
  const key = object('PublicKey', { keyFormatType: 'X_509' }, {}, spki)
  const asked = { format: 'TransparentECPublicKey' } as const
  assert.ok(give(key, '1.3', asked))
  assert.throws(() => give(key, '1.2', asked), faults('KeyFormatTypeNotSupported', /TransparentECPublicKey/))
})
