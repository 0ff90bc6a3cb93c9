// Register (KMIP 1.4 §4.3, §11.4) through the mTLS listener: keys, secret data and opaque objects come back unchanged
// in every version, and unsupported objects are refused with a reason.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import {
  aes256,
  attribute,
  nameAttribute,
  served,
  template,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

type KeyBlock = NonNullable<Request<'Register'>['SymmetricKey']>['KeyBlock']

function key(KeyMaterial: Uint8Array, block: Partial<KeyBlock> = {}, more: readonly WireAttribute[] = []) {
  const KeyBlock: KeyBlock = {
    KeyFormatType: 'Raw',
    KeyValue: { KeyMaterial },
    CryptographicAlgorithm: 'AES',
    CryptographicLength: KeyMaterial.length * 8,
    ...block,
  }
  return {
    ObjectType: 'SymmetricKey' as const,
    ...template([attribute('Cryptographic Usage Mask', 12), ...more]),
    SymmetricKey: { KeyBlock },
  }
}

function secret(KeyMaterial: Uint8Array, block: Partial<KeyBlock> = {}): Request<'Register'> {
  const KeyBlock: KeyBlock = { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial }, ...block }
  return {
    ObjectType: 'SecretData',
    ...template([attribute('Cryptographic Usage Mask', 0)]),
    SecretData: { SecretDataType: 'Seed', KeyBlock },
  }
}

function opaque(OpaqueDataValue: Uint8Array, OpaqueDataType = 0x80000000): Request<'Register'> {
  return { ObjectType: 'OpaqueObject', ...template([]), OpaqueObject: { OpaqueDataType, OpaqueDataValue } }
}

for (const version of served) {
  test(`${version}: a symmetric key`, async () => {
    const material = randomBytes(32)
    const answer = await session.ask(version, 'Register', key(Buffer.from(material)))
    const { UniqueIdentifier } = answer
    assert.deepEqual(answer, { UniqueIdentifier })
    const got = await session.ask(version, 'Get', { UniqueIdentifier })
    assert.deepEqual(got, {
      ObjectType: 'SymmetricKey',
      UniqueIdentifier,
      SymmetricKey: {
        KeyBlock: {
          KeyFormatType: 'Raw',
          KeyValue: { KeyMaterial: material, Attribute: [] },
          CryptographicAlgorithm: 'AES',
          CryptographicLength: 256,
        },
      },
    })
    for (const [name, value] of [
      ['Cryptographic Algorithm', 'AES'],
      ['Cryptographic Length', 256],
      ['Cryptographic Usage Mask', 12],
      ['State', 'PreActive'],
    ] as const)
      assert.deepEqual(await session.values(version, UniqueIdentifier, name), [value])
    const [digest] = (await session.values('1.4', UniqueIdentifier, 'Digest')) as [{ DigestValue: Buffer }]
    assert.deepEqual(digest.DigestValue, createHash('sha256').update(material).digest())
    assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Original Creation Date'), [])
    assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Random Number Generator'), [
      { RNGAlgorithm: 'Unspecified' },
    ])
  })

  test(`${version}: a Transparent Symmetric Key, given back in the form that is asked`, async () => {
    const material = randomBytes(16)
    const { UniqueIdentifier } = await session.ask(
      version,
      'Register',
      key(material, {
        KeyFormatType: 'TransparentSymmetricKey',
        KeyValue: { KeyMaterial: { Key: material } },
      }),
    )
    const got = await session.ask(version, 'Get', { UniqueIdentifier })
    assert.equal(got.SymmetricKey?.KeyBlock.KeyFormatType, 'TransparentSymmetricKey')
    assert.deepEqual(got.SymmetricKey.KeyBlock.KeyValue, { KeyMaterial: { Key: material }, Attribute: [] })
    const raw = await session.ask(version, 'Get', { UniqueIdentifier, KeyFormatType: 'Raw' })
    assert.deepEqual(raw.SymmetricKey?.KeyBlock.KeyValue, { KeyMaterial: material, Attribute: [] })
  })

  test(`${version}: secret data, as MongoDB brings it`, async () => {
    const material = randomBytes(96)
    const { UniqueIdentifier } = await session.ask(version, 'Register', secret(Buffer.from(material)))
    await session.ask(version, 'Activate', { UniqueIdentifier })
    const got = await session.ask(version, 'Get', { UniqueIdentifier })
    assert.deepEqual(got, {
      ObjectType: 'SecretData',
      UniqueIdentifier,
      SecretData: {
        SecretDataType: 'Seed',
        KeyBlock: { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: material, Attribute: [] } },
      },
    })
    const raw = await session.ask(version, 'Get', { UniqueIdentifier, KeyFormatType: 'Raw' })
    assert.deepEqual(raw.SecretData?.KeyBlock.KeyValue, got.SecretData?.KeyBlock.KeyValue)
    const request = { UniqueIdentifier, KeyFormatType: 'PKCS_1' } as const
    assert.equal(await session.refused(version, 'Get', request), 'KeyFormatTypeNotSupported')
  })

  test(`${version}: an opaque object of 500 KiB, and an empty one`, async () => {
    for (const content of [randomBytes(500 * 1024), Buffer.alloc(0)]) {
      const { UniqueIdentifier } = await session.ask(
        version,
        'Register',
        opaque(Buffer.from(content), 0x80000007),
      )
      const got = await session.ask(version, 'Get', { UniqueIdentifier })
      assert.deepEqual(got, {
        ObjectType: 'OpaqueObject',
        UniqueIdentifier,
        OpaqueObject: { OpaqueDataType: 0x80000007, OpaqueDataValue: content },
      })
      await session.ask(version, 'Destroy', { UniqueIdentifier })
      assert.equal(await session.refused(version, 'Get', { UniqueIdentifier }), 'ItemNotFound')
    }
  })

  test(`${version}: what is not kept is refused`, async () => {
    const bytes = randomBytes(16)
    const { SecretData } = secret(bytes)
    const bad: [object, string][] = [
      [{ ...secret(bytes), ObjectType: 'SymmetricKey' }, 'InvalidField'],
      [{ ObjectType: 'SymmetricKey', ...template(aes256) }, 'InvalidField'],
      [{ ObjectType: 'SymmetricKey', ...template(aes256), SecretData }, 'InvalidField'],
      [{ ...secret(bytes), ObjectType: 'Certificate' }, 'InvalidField'],
      [key(bytes, {}, [attribute('Cryptographic Length', 256)]), 'InvalidField'],
      [key(bytes, {}, [attribute('Cryptographic Algorithm', 'DES3')]), 'InvalidField'],
      [key(bytes, {}, [attribute('State', 'Active')]), 'InvalidField'],
      [key(bytes, { KeyFormatType: 'PKCS_8' }), 'KeyFormatTypeNotSupported'],
      [key(bytes, { KeyFormatType: 'X_509' }), 'KeyFormatTypeNotSupported'],
      [
        key(bytes, { KeyCompressionType: 'ECPublicKeyTypeX9_62CompressedPrime' }),
        'KeyCompressionTypeNotSupported',
      ],
      [key(bytes, { KeyWrappingData: { WrappingMethod: 'Encrypt' }, KeyValue: bytes }), 'InvalidField'],
      [key(bytes, { CryptographicLength: 256 }), 'InvalidField'],
      [key(bytes, { CryptographicLength: 0 }), 'InvalidField'],
      [opaque(Buffer.alloc(512 * 1024 + 1)), 'InvalidField'],
    ]
    for (const [request, reason] of bad)
      assert.equal(
        await session.refused(version, 'Register', request as Request<'Register'>),
        reason,
        JSON.stringify(request).slice(0, 300),
      )
    const name = nameAttribute(`registered ${version}`)
    await session.ask(version, 'Register', key(bytes, {}, [name]))
    assert.equal(await session.refused(version, 'Register', key(bytes, {}, [name])), 'InvalidField')
  })

  test(`${version}: a key without a length has that of its material`, async () => {
    const { UniqueIdentifier } = await session.ask(
      version,
      'Register',
      key(randomBytes(24), { CryptographicLength: undefined }),
    )
    assert.deepEqual(await session.values(version, UniqueIdentifier, 'Cryptographic Length'), [192])
  })
}

test('a triple DES key counts its length with or without parity', async () => {
  for (const CryptographicLength of [168, 192])
    await session.ask(
      '1.2',
      'Register',
      key(randomBytes(24), { CryptographicAlgorithm: 'DES3', CryptographicLength }),
    )
})
