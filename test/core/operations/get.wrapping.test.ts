// Keys that leave wrapped and keys that come wrapped (KMIP 1.4 §2.1.5, §2.1.6, §4.11), through the mTLS listener.

import assert from 'node:assert/strict'
import { createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import {
  unpackKeyValue,
  type KeyBlock,
  type KeyWrappingSpecification,
} from '../../../src/wire/kmip/objects.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import type { Version } from '../../../src/wire/kmip/version.ts'
import {
  attribute,
  attributesOf,
  materialOf,
  template,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer(
  (_server, opened) => {
    session = opened
  },
  undefined,
  'as-sent',
)

/** RFC 3394 §4.1. */
const kek = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
const dek = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
const wrappedDek = Buffer.from('1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5', 'hex')

const usage = { WrapKey: 0x10, UnwrapKey: 0x20, MACGenerate: 0x80 } as const
const nistWrap = { BlockCipherMode: 'NISTKeyWrap' } as const

function key(
  KeyMaterial: Uint8Array,
  mask: number,
  more: readonly WireAttribute[] = [],
  block: Partial<KeyBlock> = {},
) {
  const KeyBlock: KeyBlock = {
    KeyFormatType: 'Raw',
    KeyValue: { KeyMaterial: Buffer.from(KeyMaterial) },
    CryptographicAlgorithm: 'AES',
    CryptographicLength: KeyMaterial.length * 8,
    ...block,
  }
  const Attribute = [attribute('Cryptographic Usage Mask', mask), ...more]
  return { ObjectType: 'SymmetricKey' as const, ...template(Attribute), SymmetricKey: { KeyBlock } }
}

const registered = async (request: Request<'Register'>, version: Version = '1.4') =>
  (await session.ask(version, 'Register', request)).UniqueIdentifier

const active = attribute('Activation Date', 1000n)
const kekOf = (
  parameters: object = nistWrap,
  mask: number = usage.WrapKey,
  bytes: Uint8Array = kek,
  block: Partial<KeyBlock> = {},
) => registered(key(bytes, mask, [active, attribute('Cryptographic Parameters', parameters)], block))

const by = (
  UniqueIdentifier: string,
  more: Partial<KeyWrappingSpecification> = {},
): KeyWrappingSpecification => ({
  WrappingMethod: 'Encrypt',
  EncryptionKeyInformation: { UniqueIdentifier, CryptographicParameters: undefined },
  AttributeName: [],
  EncodingOption: 'NoEncoding',
  ...more,
})

async function wrappedBlock(
  UniqueIdentifier: string,
  specification: KeyWrappingSpecification,
  version: Version = '1.4',
) {
  const request = { UniqueIdentifier, KeyWrappingSpecification: specification }
  const block = (await session.ask(version, 'Get', request)).SymmetricKey?.KeyBlock
  assert.ok(block?.KeyWrappingData)
  return block
}

test('AES key wrap without an encoding is RFC 3394, and the answer says by which key', async () => {
  const [wrapping, own] = [await kekOf(), await registered(key(dek, 12))]
  const block = await wrappedBlock(own, by(wrapping))
  assert.deepEqual(block.KeyValue, wrappedDek)
  assert.equal(block.KeyWrappingData?.EncryptionKeyInformation?.UniqueIdentifier, wrapping)
  assert.equal(block.KeyWrappingData.EncodingOption, 'NoEncoding')
  const stated = { UniqueIdentifier: wrapping, CryptographicParameters: nistWrap }
  assert.deepEqual(
    (await wrappedBlock(own, by(wrapping, { EncryptionKeyInformation: stated }))).KeyValue,
    wrappedDek,
  )
})

test('with TTLV the attributes that are named are wrapped with the key', async () => {
  const [wrapping, own] = [await kekOf(), await registered(key(dek, 12))]
  const named = by(wrapping, {
    EncodingOption: undefined,
    AttributeName: ['Cryptographic Usage Mask', 'State'],
  })
  const { KeyValue } = await wrappedBlock(own, named, '1.2')
  assert.ok(KeyValue instanceof Uint8Array)
  const decipher = createDecipheriv('id-aes128-wrap', kek, Buffer.alloc(8, 0xa6))
  const plain = Buffer.concat([decipher.update(KeyValue), decipher.final()])
  const value = unpackKeyValue('Raw', plain)
  assert.ok(!(value instanceof Uint8Array))
  assert.deepEqual(value.KeyMaterial, dek)
  assert.deepEqual(
    value.Attribute?.map(({ AttributeName, AttributeValue }) => [AttributeName, AttributeValue]),
    [
      ['Cryptographic Usage Mask', 12],
      ['State', 'PreActive'],
    ],
  )
})

test('GCM wraps with an IV of its own each time, padding wraps any length, and a MAC goes beside it', async () => {
  const own = await registered(key(dek, 12))
  const gcm = await kekOf({ BlockCipherMode: 'GCM' })
  const blocks = [await wrappedBlock(own, by(gcm)), await wrappedBlock(own, by(gcm))] as const
  const ivs = blocks.map((block) => Buffer.from(block.KeyWrappingData?.IVCounterNonce ?? []))
  assert.notDeepEqual(ivs[0], ivs[1])
  for (const [index, { KeyValue }] of blocks.entries()) {
    assert.ok(KeyValue instanceof Uint8Array)
    const decipher = createDecipheriv('aes-128-gcm', kek, ivs[index] ?? Buffer.of())
    decipher.setAuthTag(KeyValue.subarray(16))
    assert.deepEqual(Buffer.concat([decipher.update(KeyValue.subarray(0, 16)), decipher.final()]), dek)
  }
  const odd = await registered({
    ObjectType: 'SecretData',
    ...template([attribute('Cryptographic Usage Mask', 0)]),
    SecretData: {
      SecretDataType: 'Password',
      KeyBlock: { KeyFormatType: 'Raw', KeyValue: { KeyMaterial: Buffer.from('pass') } },
    },
  })
  const padded = await kekOf({ BlockCipherMode: 'AESKeyWrapPadding' })
  const secret = await session.ask('1.4', 'Get', {
    UniqueIdentifier: odd,
    KeyWrappingSpecification: by(padded),
  })
  const value = secret.SecretData?.KeyBlock.KeyValue
  assert.ok(value instanceof Uint8Array)
  const decipher = createDecipheriv('id-aes128-wrap-pad', kek, Buffer.from('a65959a6', 'hex'))
  assert.equal(Buffer.concat([decipher.update(value), decipher.final()]).toString(), 'pass')
  const mac = await kekOf({ CryptographicAlgorithm: 'HMAC_SHA256' }, usage.MACGenerate, kek, {
    CryptographicAlgorithm: 'HMAC_SHA256',
  })
  const both = await wrappedBlock(own, {
    ...by(await kekOf()),
    WrappingMethod: 'EncryptThenMACSign',
    MACSignatureKeyInformation: { UniqueIdentifier: mac, CryptographicParameters: undefined },
  })
  assert.deepEqual(
    Buffer.from(both.KeyWrappingData?.MACSignature ?? []),
    createHmac('sha256', kek).update(wrappedDek).digest(),
  )
})

test('a sensitive key leaves wrapped only, one that is not extractable never, and a MAC alone hides nothing', async () => {
  const wrapping = await kekOf()
  const sensitive = await registered(key(dek, 12, [attribute('Sensitive', true)]))
  assert.equal(await session.refused('1.4', 'Get', { UniqueIdentifier: sensitive }), 'Sensitive')
  assert.deepEqual((await wrappedBlock(sensitive, by(wrapping))).KeyValue, wrappedDek)
  const mac = { UniqueIdentifier: wrapping, CryptographicParameters: undefined }
  const bare = { WrappingMethod: 'MACSign', MACSignatureKeyInformation: mac, AttributeName: [] } as const
  const asked = {
    UniqueIdentifier: sensitive,
    KeyWrappingSpecification: bare as unknown as KeyWrappingSpecification,
  }
  assert.equal(await session.refused('1.4', 'Get', asked), 'Sensitive')
  const fixed = await registered(key(dek, 12, [attribute('Extractable', false)]))
  const never = { UniqueIdentifier: fixed, KeyWrappingSpecification: by(wrapping) }
  assert.equal(await session.refused('1.4', 'Get', never), 'NotExtractable')
})

test('a wrapping key obeys its mask, state and parameters, and each refusal has the reason of the error table', async () => {
  const own = await registered(key(dek, 12))
  const parameters = [attribute('Cryptographic Parameters', nistWrap)]
  const ready = await kekOf()
  const opaque = await registered({
    ObjectType: 'OpaqueObject',
    ...template([]),
    OpaqueObject: { OpaqueDataType: 1, OpaqueDataValue: kek },
  })
  const cases: readonly [KeyWrappingSpecification, string][] = [
    [by('no such key'), 'ItemNotFound'],
    [by(opaque), 'IllegalOperation'],
    [by(await registered(key(kek, 12, [active, ...parameters]))), 'PermissionDenied'],
    [by(await registered(key(kek, usage.WrapKey, parameters))), 'PermissionDenied'],
    [by(await registered(key(kek, usage.WrapKey, [active]))), 'ItemNotFound'],
    [
      by(ready, {
        EncryptionKeyInformation: {
          UniqueIdentifier: ready,
          CryptographicParameters: { BlockCipherMode: 'GCM' },
        },
      }),
      'ItemNotFound',
    ],
    [by(ready, { AttributeName: ['State'] }), 'EncodingOptionError'],
    [by(ready, { WrappingMethod: 'TR_31' }), 'FeatureNotSupported'],
    [by(ready, { EncryptionKeyInformation: undefined }), 'InvalidField'],
  ]
  for (const [KeyWrappingSpecification, reason] of cases)
    assert.equal(
      await session.refused('1.4', 'Get', { UniqueIdentifier: own, KeyWrappingSpecification }),
      reason,
    )
  const notKey = { UniqueIdentifier: opaque, KeyWrappingSpecification: by(ready) }
  assert.equal(await session.refused('1.4', 'Get', notKey), 'IllegalOperation')
})

test('Secret Data that came wrapped has no digest, as a key has none', async () => {
  const { KeyBlock } = key(dek, 12, [], {
    KeyValue: wrappedDek,
    KeyWrappingData: {
      WrappingMethod: 'Encrypt',
      EncryptionKeyInformation: { UniqueIdentifier: 'not here' },
      EncodingOption: 'NoEncoding',
    },
  }).SymmetricKey
  const secret = { SecretDataType: 'Password', KeyBlock } as const
  const request = { ObjectType: 'SecretData', ...template([]), SecretData: secret } as const
  const { UniqueIdentifier } = await session.ask('1.4', 'Register', request)
  assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Digest'), [])
})

test('2.x: a wrapping key that is missing, destroyed or archived is told from the key that it would wrap', async () => {
  const UniqueIdentifier = await registered(key(dek, 12))
  const [destroyed, archived] = [await registered(key(kek, usage.WrapKey)), await kekOf()]
  await session.ask('2.1', 'Destroy', { UniqueIdentifier: destroyed })
  await session.ask('2.1', 'Archive', { UniqueIdentifier: archived })
  for (const [wrapping, reason, before] of [
    ['no such key', 'WrappingObjectNotFound', 'ItemNotFound'],
    [destroyed, 'WrappingObjectDestroyed', 'ItemNotFound'],
    [archived, 'WrappingObjectArchived', 'ObjectArchived'],
  ] as const) {
    const asked = { UniqueIdentifier, KeyWrappingSpecification: by(wrapping) }
    assert.equal(await session.refused('2.1', 'Get', asked), reason)
    assert.equal(await session.refused('1.4', 'Get', asked), before)
  }
})

test('a key that came wrapped is given back as it came, unwrapped or wrapped again, and is not used wrapped', async () => {
  const wrapping = await kekOf()
  const data = {
    WrappingMethod: 'Encrypt',
    EncryptionKeyInformation: { UniqueIdentifier: wrapping, CryptographicParameters: nistWrap },
    EncodingOption: 'NoEncoding',
  } as const
  const request = key(dek, 12, [], { KeyValue: wrappedDek, KeyWrappingData: data })
  const own = await registered(request)
  const asItCame = await session.ask('1.4', 'Get', { UniqueIdentifier: own })
  assert.deepEqual(asItCame.SymmetricKey?.KeyBlock, request.SymmetricKey.KeyBlock)
  const plain = await session.ask('1.4', 'Get', { UniqueIdentifier: own, KeyWrapType: 'NotWrapped' })
  assert.deepEqual(plain.SymmetricKey?.KeyBlock.KeyValue, { KeyMaterial: dek, Attribute: [] })
  const other = randomBytes(16)
  const anew = await wrappedBlock(own, by(await kekOf(nistWrap, usage.WrapKey, other)))
  const decipher = createDecipheriv('id-aes128-wrap', other, Buffer.alloc(8, 0xa6))
  assert.deepEqual(Buffer.concat([decipher.update(anew.KeyValue as Uint8Array), decipher.final()]), dek)
  await session.ask('1.4', 'Activate', { UniqueIdentifier: own })
  const use = {
    UniqueIdentifier: own,
    CryptographicParameters: { BlockCipherMode: 'ECB' },
    Data: dek,
  } as const
  assert.equal(await session.refused('1.4', 'Encrypt', use), 'PermissionDenied')
  assert.deepEqual(await session.values('1.4', own, 'Digest'), [])
  const damaged = Buffer.from(wrappedDek).fill(0, 0, 1)
  const broken = await registered(key(dek, 12, [], { KeyValue: damaged, KeyWrappingData: data }))
  assert.equal(
    await session.refused('1.4', 'Get', { UniqueIdentifier: broken, KeyWrapType: 'NotWrapped' }),
    'CryptographicFailure',
  )
  const elsewhere = {
    ...data,
    EncryptionKeyInformation: { UniqueIdentifier: 'not here', CryptographicParameters: undefined },
  }
  const foreign = await registered(key(dek, 12, [], { KeyValue: wrappedDek, KeyWrappingData: elsewhere }))
  assert.equal(
    await session.refused('1.4', 'Get', { UniqueIdentifier: foreign, KeyWrapType: 'NotWrapped' }),
    'ItemNotFound',
  )
})

test('a key that may only wrap unwraps too, but none unwraps before its Process Start Date', async () => {
  const ahead = attribute('Process Start Date', BigInt(Math.floor(Date.now() / 1000) + 3600))
  const parameters = attribute('Cryptographic Parameters', nistWrap)
  const both = usage.WrapKey | usage.UnwrapKey
  for (const [mask, more, reason] of [
    [usage.WrapKey, [], undefined],
    [usage.UnwrapKey, [], undefined],
    [both, [ahead], 'PermissionDenied'],
    [usage.MACGenerate, [], 'PermissionDenied'],
  ] as const) {
    const wrapping = await registered(key(kek, mask, [active, parameters, ...more]))
    const data = {
      WrappingMethod: 'Encrypt',
      EncryptionKeyInformation: { UniqueIdentifier: wrapping, CryptographicParameters: nistWrap },
      EncodingOption: 'NoEncoding',
    } as const
    const UniqueIdentifier = await registered(
      key(dek, 12, [], { KeyValue: wrappedDek, KeyWrappingData: data }),
    )
    const get = { UniqueIdentifier, KeyWrapType: 'NotWrapped' } as const
    if (reason !== undefined) assert.equal(await session.refused('1.4', 'Get', get), reason)
    else assert.deepEqual(materialOf((await session.ask('1.4', 'Get', get)).SymmetricKey?.KeyBlock), dek)
  }
})

test('2.x: a key that came wrapped is linked to the one that wrapped it, which 1.x has no link for', async () => {
  const wrapping = await kekOf()
  const information = { UniqueIdentifier: wrapping, CryptographicParameters: nistWrap }
  const block = (KeyWrappingData: KeyBlock['KeyWrappingData']) =>
    key(dek, 12, [], { KeyValue: wrappedDek, KeyWrappingData }).SymmetricKey
  const encrypted = block({ WrappingMethod: 'Encrypt', EncryptionKeyInformation: information })
  const signed = block({
    WrappingMethod: 'MACSign',
    MACSignatureKeyInformation: information,
    MACSignature: randomBytes(32),
    EncodingOption: 'NoEncoding',
  })
  const theirs = { LinkType: 'WrappingKeyLink', LinkedObjectIdentifier: 'another' } as const
  for (const version of ['2.0', '2.1'] as const)
    for (const [SymmetricKey, Link] of [
      [encrypted, []],
      [signed, []],
      [encrypted, [theirs]],
    ] as const) {
      const Attributes = { Attribute: [], CryptographicUsageMask: 12, ...(Link.length > 0 && { Link }) }
      const id = await registered({ ObjectType: 'SymmetricKey', Attributes, SymmetricKey }, version)
      const { Attributes: all } = await session.ask(version, 'GetAttributes', {
        UniqueIdentifier: id,
        AttributeReference: ['Link'],
      })
      assert.deepEqual(all?.Link, [{ LinkType: 'WrappingKeyLink', LinkedObjectIdentifier: wrapping }])
      const { AttributeName = [] } = await session.ask('1.4', 'GetAttributeList', { UniqueIdentifier: id })
      assert.ok(!AttributeName.includes('Link'), '1.4 has no such link')
      const unnamed = await session.ask('1.4', 'GetAttributes', attributesOf(id))
      const names = unnamed.Attribute?.map((one) => one.AttributeName)
      assert.ok(!names?.includes('Random Number Generator'), 'clients of 1.x see an object without links')
    }
  const older = await registered({ ...key(dek, 12), SymmetricKey: encrypted })
  const { Attributes } = await session.ask('2.1', 'GetAttributes', {
    UniqueIdentifier: older,
    AttributeReference: ['Link'],
  })
  assert.deepEqual(Attributes?.Link, [], 'no version of 1.x makes one')
})
