// Objects that come from outside, as Mortise stores them: which kinds and formats, whose bytes, and each refusal.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { broughtObject, withUnwrapped } from '../../../../src/core/keys/forms/brought-object.ts'
import type { ObjectType } from '../../../../src/core/keys/object/managed-object.ts'
import { splitKeyPrimeBytesMax } from '../../../../src/base/bounds.ts'
import { objectMaterialBytesMax } from '../../../../src/core/keys/forms/brought-object.ts'
import { faults } from '../../../support/server/core.ts'

type Message = Parameters<typeof broughtObject>[1]

const block = (more: object = {}) => {
  const KeyValue = { KeyMaterial: Buffer.from('material') }
  const facts = { CryptographicAlgorithm: 'AES', CryptographicLength: 64 }
  return { KeyFormatType: 'Raw', KeyValue, ...facts, ...more }
}
const key = (more: object = {}) => ({ SymmetricKey: { KeyBlock: block(more) } }) as unknown as Message
const brought = (type: ObjectType, message: object) => broughtObject(type, message)

test('a key keeps its bytes, its format, and what its Key Block says of them', () => {
  const facts = { algorithm: 'AES', lengthBits: 64 }
  for (const [format, KeyValue] of [
    ['Raw', { KeyMaterial: Buffer.from('material') }],
    ['Opaque', Buffer.from('material')],
    ['TransparentSymmetricKey', { KeyMaterial: { Key: Buffer.from('material') } }],
  ] as const) {
    const material = { bytes: Buffer.from('material'), head: { keyFormatType: format } }
    assert.deepEqual(brought('SymmetricKey', key({ KeyFormatType: format, KeyValue })), {
      material,
      ...facts,
    })
  }
  const pointless = key({ KeyCompressionType: 'ECPublicKeyTypeUncompressed' })
  assert.equal(brought('SymmetricKey', pointless).material.bytes.toString(), 'material')
  const bare = key({ CryptographicAlgorithm: undefined, CryptographicLength: undefined })
  const { algorithm, lengthBits } = brought('SymmetricKey', bare)
  assert.deepEqual([algorithm, lengthBits], [undefined, undefined])
})

const unread = (more: object) =>
  brought('PublicKey', { PublicKey: { KeyBlock: block({ KeyFormatType: 'Opaque', ...more }) } })

test('a public key that is kept unread is of the kind that its Key Block says, or of none', () => {
  const said = { CryptographicAlgorithm: 'RSA', CryptographicLength: 2048 }
  const nothing = { CryptographicAlgorithm: undefined, CryptographicLength: undefined }
  for (const [more, expected] of [
    [said, ['RSA', 2048]],
    [nothing, [undefined, undefined]],
  ] as const) {
    const { algorithm, lengthBits } = unread(more)
    assert.deepEqual([algorithm, lengthBits], expected)
  }
})

test('secret data and opaque objects keep their type', () => {
  const secret = brought('SecretData', { SecretData: { SecretDataType: 'Password', KeyBlock: block() } })
  assert.deepEqual(secret.material.head, { keyFormatType: 'Raw', secretDataType: 'Password' })
  assert.deepEqual([secret.algorithm, secret.lengthBits], ['AES', 64])
  const opaque = { OpaqueDataType: 7, OpaqueDataValue: Buffer.from('any') }
  assert.deepEqual(brought('OpaqueObject', { OpaqueObject: opaque }), {
    material: { bytes: Buffer.from('any'), head: { opaqueDataType: 7 } },
  })
})

test('the bytes are a copy: the listener wipes the request', () => {
  const KeyMaterial = Buffer.from('material')
  const { material } = brought('SymmetricKey', key({ KeyValue: { KeyMaterial } }))
  const OpaqueDataValue = Buffer.from('any')
  const opaque = brought('OpaqueObject', { OpaqueObject: { OpaqueDataType: 7, OpaqueDataValue } })
  for (const bytes of [KeyMaterial, OpaqueDataValue]) bytes.fill(0)
  assert.equal(material.bytes.toString(), 'material')
  assert.equal(opaque.material.bytes.toString(), 'any')
})

const wrappedAs = (more: object) => {
  const EncryptionKeyInformation = { UniqueIdentifier: 'k' }
  return { KeyWrappingData: { WrappingMethod: 'Encrypt', EncryptionKeyInformation, ...more } }
}
const attributesBeside = {
  KeyValue: {
    KeyMaterial: Buffer.from('wrapped'),
    Attribute: [{ AttributeName: 'State', AttributeValue: 1 }],
  },
}

test('each thing that cannot be stored is refused for its own reason', () => {
  const table: readonly [ObjectType, object, Parameters<typeof faults>[0], RegExp][] = [
    ['Certificate', {}, 'InvalidField', /is another or missing/],
    ['PrivateKey', key(), 'InvalidField', /is another or missing/],
    ['SymmetricKey', {}, 'InvalidField', /is another or missing/],
    ['SecretData', key(), 'InvalidField', /is another or missing/],
    ['OpaqueObject', key(), 'InvalidField', /is another or missing/],
    ['SymmetricKey', { OpaqueObject: {} }, 'InvalidField', /is another or missing/],
    ['SymmetricKey', key({ KeyWrappingData: { WrappingMethod: 'MACSign' } }), 'InvalidField', /by which key/],
    ['SymmetricKey', key({ ...wrappedAs({}), ...attributesBeside }), 'InvalidField', /none may stand beside/],
    [
      'SymmetricKey',
      key({ ...wrappedAs({ EncodingOption: 'TTLVEncoding' }), ...attributesBeside }),
      'InvalidField',
      /none may stand beside/,
    ],
    [
      'SymmetricKey',
      key({ ...wrappedAs({ EncodingOption: 'NoEncoding' }), ...attributesBeside }),
      'EncodingOptionError',
      /without an encoding/,
    ],
    [
      'SymmetricKey',
      key({ KeyCompressionType: 'ECPublicKeyTypeX9_62CompressedPrime' }),
      'KeyCompressionTypeNotSupported',
      /./,
    ],
    ['SymmetricKey', key({ KeyFormatType: 'PKCS_1' }), 'KeyFormatTypeNotSupported', /PKCS_1/],
    ['SymmetricKey', key({ KeyValue: { KeyMaterial: { P: 1n } } }), 'InvalidField', /does not match/],
  ]
  for (const [type, message, reason, text] of table)
    assert.throws(() => brought(type, message), faults(reason, text), `${type} ${String(text)}`)
})

const opaqueOf = (bytes: number) => ({
  OpaqueObject: { OpaqueDataType: 7, OpaqueDataValue: Buffer.alloc(bytes) },
})

test('an object may be as large as the limit says, and no larger', () => {
  const max = objectMaterialBytesMax
  assert.equal(brought('OpaqueObject', opaqueOf(max)).material.bytes.length, max)
  assert.throws(
    () => brought('OpaqueObject', opaqueOf(max + 1)),
    faults('InvalidField', new RegExp(`${max} bytes at most`)),
  )
})

test('a PGP key keeps its version, a part of a key what it says of itself, a request its type', () => {
  const pgp = brought('PGPKey', { PGPKey: { PGPKeyVersion: 4, KeyBlock: block({ KeyFormatType: 'Raw' }) } })
  assert.deepEqual(pgp.material.head, { keyFormatType: 'Raw', pgpKeyVersion: 4 })
  assert.equal(pgp.material.bytes.toString(), 'material')
  assert.throws(() => brought('PGPKey', key()), faults('InvalidField', /is another or missing/))
  assert.throws(() => brought('SplitKey', key()), faults('InvalidField', /is another or missing/))
  const value = { CertificateRequestType: 'PKCS_10', CertificateRequestValue: Buffer.from('request') }
  const request = brought('CertificateRequest', { CertificateRequest: value })
  assert.deepEqual(request.material.head, { certificateRequestType: 'PKCS_10' })
  assert.throws(() => brought('CertificateRequest', key()), faults('InvalidField', /is another or missing/))
})

test('a key that is elsewhere has no bytes, and says so', () => {
  const elsewhere = brought('SymmetricKey', key({ KeyValue: undefined }))
  assert.equal(elsewhere.material.bytes.length, 0)
  assert.deepEqual(elsewhere.material.head, { keyFormatType: 'Raw', isElsewhere: true })
  assert.equal(elsewhere.attributes?.get('KeyValuePresent')?.[0]?.value, false)
})

test('the public key of a curve may be compressed, and keeps how; no other format can', () => {
  const KeyCompressionType = 'ECPublicKeyTypeX9_62CompressedPrime'
  const { publicKey: point } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const facts = { CryptographicAlgorithm: 'EC', CryptographicLength: 256, KeyCompressionType }
  const KeyValue = { KeyMaterial: point.export({ type: 'spki', format: 'der' }) }
  const publicKey = (KeyFormatType: string) => ({
    PublicKey: { KeyBlock: block({ ...facts, KeyValue, KeyFormatType }) },
  })
  assert.deepEqual(brought('PublicKey', publicKey('X_509')).material.head, {
    keyFormatType: 'X_509',
    keyCompressionType: KeyCompressionType,
  })
  assert.throws(
    () => brought('PublicKey', publicKey('Opaque')),
    faults('KeyCompressionTypeNotSupported', /Opaque/),
  )
})

test('the length of a key may be stated in bits or in whole bytes, and is that of the key', () => {
  const { publicKey: point } = generateKeyPairSync('ec', { namedCurve: 'P-521' })
  const KeyValue = { KeyMaterial: point.export({ type: 'spki', format: 'der' }) }
  const register = (facts: object) =>
    brought('PublicKey', { PublicKey: { KeyBlock: block({ KeyFormatType: 'X_509', KeyValue, ...facts }) } })
  const stated = (CryptographicLength?: number, CryptographicAlgorithm: string | undefined = 'ECDSA') =>
    register({ CryptographicAlgorithm, CryptographicLength })
  for (const bits of [521, 528, undefined]) assert.equal(stated(bits).lengthBits, bits ?? 521)
  for (const bits of [520, 522, 256])
    assert.throws(
      () => stated(bits),
      faults('InvalidField', new RegExp(`is ${bits}, but the Key Material has 521`)),
    )
  assert.throws(() => stated(521, 'RSA'), faults('InvalidField', /is RSA, but this is a key of EC/))
  const own = register({ CryptographicAlgorithm: undefined, CryptographicLength: undefined })
  assert.deepEqual([own.algorithm, own.lengthBits], ['EC', 521])
})

test('a transparent key of a curve may be compressed too', () => {
  const KeyCompressionType = 'ECPublicKeyTypeX9_62CompressedPrime'
  const { publicKey: point } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = point.export({ type: 'spki', format: 'der' })
  const QString = Buffer.from(spki.subarray(-64, -32))
  const form = Buffer.of(2 + ((spki.at(-1) ?? 0) & 1))
  const KeyValue = { KeyMaterial: { RecommendedCurve: 'P_256', QString: Buffer.concat([form, QString]) } }
  const facts = { CryptographicAlgorithm: 'EC', CryptographicLength: 256, KeyCompressionType, KeyValue }
  const made = brought('PublicKey', {
    PublicKey: { KeyBlock: block({ ...facts, KeyFormatType: 'TransparentECPublicKey' }) },
  })
  assert.deepEqual(made.material.head, {
    keyFormatType: 'TransparentECPublicKey',
    keyCompressionType: KeyCompressionType,
  })
  assert.throws(
    () => brought('SymmetricKey', key({ KeyFormatType: 'TransparentSymmetricKey', KeyCompressionType })),
    faults('KeyCompressionTypeNotSupported', /TransparentSymmetricKey/),
  )
})

test('the numbers of a part of a key fit together', () => {
  const part = { SplitKeyParts: 3, KeyPartIdentifier: 1, SplitKeyThreshold: 2, SplitKeyMethod: 'XOR' }
  const split = (more: object) => brought('SplitKey', { SplitKey: { ...part, ...more, KeyBlock: block() } })
  const head = { parts: 3, part: 1, threshold: 2, method: 'XOR' }
  assert.deepEqual(split({}).material.head.splitKey, head)
  assert.equal(split({ SplitKeyThreshold: 3 }).material.head.splitKey?.threshold, 3)
  const least = { SplitKeyParts: 1, SplitKeyThreshold: 1 }
  assert.equal(split(least).material.head.splitKey?.parts, 1)
  for (const wrong of [
    { SplitKeyParts: 0, SplitKeyThreshold: 0 },
    { SplitKeyThreshold: 0 },
    { SplitKeyThreshold: 4 },
    { KeyPartIdentifier: 0 },
    { KeyPartIdentifier: 4 },
  ])
    assert.throws(() => split(wrong), faults('InvalidField', /do not fit together/), JSON.stringify(wrong))
  const prime = { SplitKeyMethod: 'PolynomialSharingPrimeField' }
  assert.throws(() => split(prime), faults('InvalidField', /needs the Prime Field Size/))
  const most = (1n << BigInt(8 * splitKeyPrimeBytesMax)) - 1n
  assert.equal(split({ ...prime, PrimeFieldSize: most }).material.head.splitKey?.primeFieldSize, String(most))
  assert.throws(() => split({ ...prime, PrimeFieldSize: most + 1n }), faults('InvalidField', /bytes at most/))
})

test('a damaged key is refused and its copy wiped, unless it comes from a server that is to go', () => {
  const damaged = { PublicKey: { KeyBlock: block({ KeyFormatType: 'X_509' }) } } as unknown as Message
  assert.throws(() => broughtObject('PublicKey', damaged), faults('InvalidField'))
  const taken = broughtObject('PublicKey', damaged, { takesDamaged: true })
  assert.equal(taken.material.bytes.toString(), 'material')
  assert.deepEqual([taken.algorithm, taken.lengthBits], ['AES', 64])
  const certificate = { CertificateType: 'X_509', CertificateValue: Buffer.from('none') } as const
  assert.throws(() => brought('Certificate', { Certificate: certificate }), faults('InvalidField'))
  const kept = broughtObject('Certificate', { Certificate: certificate }, { takesDamaged: true })
  assert.deepEqual(kept.material.head, { certificateType: 'X_509' })
  const wrong = { PublicKey: { KeyBlock: block({ KeyFormatType: 'TransparentSymmetricKey' }) } }
  assert.throws(() => brought('PublicKey', wrong), faults('KeyFormatTypeNotSupported'))
  for (const format of ['PKCS_12', 'PKCS_10', 'TransparentSymmetricKey'])
    assert.throws(
      () => brought('PrivateKey', { PrivateKey: { KeyBlock: block({ KeyFormatType: format }) } }),
      faults('KeyFormatTypeNotSupported', new RegExp(format)),
    )
  assert.throws(
    () =>
      brought('PublicKey', {
        PublicKey: { KeyBlock: block({ KeyFormatType: 'X_509', KeyValue: undefined }) },
      }),
    faults('InvalidField', /no Key Value/),
  )
})

test('a key of a pair that came wrapped, or is elsewhere, is not looked into', () => {
  const wrapped = { ...wrappedAs({}), KeyFormatType: 'PKCS_8', KeyValue: Buffer.from('wrapped') } as const
  for (const objectType of ['PrivateKey', 'PublicKey'] as const) {
    const { material, algorithms } = brought(objectType, { [objectType]: { KeyBlock: wrapped } })
    assert.deepEqual([material.bytes.toString(), algorithms], ['wrapped', undefined])
  }
  const elsewhere = brought('PrivateKey', { PrivateKey: { KeyBlock: { KeyFormatType: 'PKCS_8' } } })
  assert.deepEqual(elsewhere.material, {
    bytes: Buffer.of(),
    head: { keyFormatType: 'PKCS_8', isElsewhere: true },
  })
})

test('a template has no bytes, and what was unwrapped tells its own facts or is wiped', () => {
  assert.deepEqual(brought('Template', {}), { material: { bytes: Buffer.of(), head: {} } })
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const wrapped = brought('PublicKey', {
    PublicKey: { KeyBlock: { ...wrappedAs({}), KeyFormatType: 'X_509', KeyValue: Buffer.from('wrapped') } },
  })
  const plain = (bytes: Buffer) =>
    withUnwrapped('PublicKey', wrapped, { bytes, head: { keyFormatType: 'X_509' } })
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  const { material, lengthBits, algorithms } = plain(spki)
  assert.deepEqual([material.bytes, lengthBits, algorithms?.includes('EC')], [spki, 256, true])
  const damaged = Buffer.from('no key')
  assert.throws(() => plain(damaged), faults('InvalidField'))
  assert.deepEqual(damaged, Buffer.alloc(6))
})
