// Keys that leave wrapped with a MAC or a signature beside them, and come back only if it is right (KMIP 1.4 §2.1.5).

import assert from 'node:assert/strict'
import { createHmac, createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import {
  packKeyValue,
  type KeyBlock,
  type KeyValue,
  type KeyWrappingSpecification,
} from '../../../src/wire/kmip/objects.ts'
import { attribute, materialOf, template, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

const masks = { sign: 0x1, verify: 0x2, wrap: 0x10, unwrap: 0x20, makeMac: 0x80, verifyMac: 0x100 } as const
const active = attribute('Activation Date', 1000n)
const secret = Buffer.alloc(32, 3)

async function registered(KeyMaterial: Uint8Array, mask: number, parameters: object): Promise<string> {
  const KeyBlock: KeyBlock = {
    KeyFormatType: 'Raw',
    KeyValue: { KeyMaterial },
    CryptographicAlgorithm: 'AES',
    CryptographicLength: KeyMaterial.length * 8,
  }
  const attributes = [
    attribute('Cryptographic Usage Mask', mask),
    attribute('Cryptographic Parameters', parameters),
    active,
  ]
  const request = { ObjectType: 'SymmetricKey', ...template(attributes), SymmetricKey: { KeyBlock } } as const
  return (await session.ask('1.4', 'Register', request)).UniqueIdentifier
}

const wrappingKey = () => registered(secret, masks.wrap | masks.unwrap, { BlockCipherMode: 'NISTKeyWrap' })
const macKey = (mask: number = masks.makeMac | masks.verifyMac) =>
  registered(secret, mask, { HashingAlgorithm: 'SHA_256' })

const half = (mask: number) =>
  template([
    attribute('Cryptographic Usage Mask', mask),
    attribute('Cryptographic Parameters', { HashingAlgorithm: 'SHA_256' }),
    active,
  ]).TemplateAttribute

/** On P-256, with the parameters on both halves. */
async function signingPair(mask: number = masks.sign) {
  const made = await session.ask('1.4', 'CreateKeyPair', {
    CommonTemplateAttribute: template([
      attribute('Cryptographic Algorithm', 'EC'),
      attribute('Cryptographic Domain Parameters', { RecommendedCurve: 'P_256' }),
    ]).TemplateAttribute,
    PrivateKeyTemplateAttribute: half(mask),
    PublicKeyTemplateAttribute: half(masks.verify),
  })
  return { own: made.PrivateKeyUniqueIdentifier, open: made.PublicKeyUniqueIdentifier }
}

const keyBy = (UniqueIdentifier: string) => ({ UniqueIdentifier, CryptographicParameters: undefined })

async function wrapped(UniqueIdentifier: string, more: Partial<KeyWrappingSpecification>): Promise<KeyBlock> {
  const KeyWrappingSpecification = {
    AttributeName: [],
    EncodingOption: 'NoEncoding',
    ...more,
  } as unknown as KeyWrappingSpecification
  const { SymmetricKey } = await session.ask('1.4', 'Get', { UniqueIdentifier, KeyWrappingSpecification })
  assert.ok(SymmetricKey?.KeyBlock.KeyWrappingData)
  return SymmetricKey.KeyBlock
}

async function plainOf(UniqueIdentifier: string): Promise<Buffer> {
  const { SymmetricKey } = await session.ask('1.4', 'Get', { UniqueIdentifier, KeyWrapType: 'NotWrapped' })
  return materialOf(SymmetricKey?.KeyBlock)
}

const registering = (KeyBlock: KeyBlock, attributes: Parameters<typeof template>[0]) =>
  ({ ObjectType: 'SymmetricKey', ...template(attributes), SymmetricKey: { KeyBlock } }) as const

async function comeBack(KeyBlock: KeyBlock): Promise<string> {
  const request = registering(KeyBlock, [attribute('Cryptographic Usage Mask', 12)])
  return (await session.ask('1.4', 'Register', request)).UniqueIdentifier
}

test('a private key signs what leaves, and its public key stands for it', async () => {
  const [key, wrapping, { own, open }] = [await session.key('1.4'), await wrappingKey(), await signingPair()]
  const { PublicKey } = await session.ask('1.4', 'Get', { UniqueIdentifier: open, KeyFormatType: 'X_509' })
  const publicKey = createPublicKey({ key: materialOf(PublicKey?.KeyBlock), format: 'der', type: 'spki' })
  const material = await plainOf(key)
  const encryption = { EncryptionKeyInformation: keyBy(wrapping) }
  for (const signer of [own, open]) {
    const MACSignatureKeyInformation = keyBy(signer)
    const ways: readonly [Partial<KeyWrappingSpecification>, (block: KeyBlock) => Uint8Array][] = [
      [{ WrappingMethod: 'EncryptThenMACSign', ...encryption }, ({ KeyValue }) => KeyValue as Uint8Array],
      [{ WrappingMethod: 'MACSignThenEncrypt', ...encryption }, () => material],
      [{ WrappingMethod: 'MACSign' }, () => material],
    ]
    for (const [way, signed] of ways) {
      const block = await wrapped(key, { ...way, MACSignatureKeyInformation })
      const data = block.KeyWrappingData
      assert.equal(data?.MACSignatureKeyInformation?.UniqueIdentifier, signer)
      assert.ok(
        verify('sha256', signed(block), publicKey, data.MACSignature ?? Buffer.of()),
        way.WrappingMethod,
      )
    }
  }
})

test('a key that comes back with a MAC or a signature is unwrapped if that is right, and else with one answer', async () => {
  const [key, wrapping, mac, pair] = [
    await session.key('1.4'),
    await wrappingKey(),
    await macKey(),
    await signingPair(),
  ]
  const material = await plainOf(key)
  for (const WrappingMethod of ['EncryptThenMACSign', 'MACSignThenEncrypt'] as const)
    for (const tagging of [mac, pair.own, pair.open]) {
      const block = await wrapped(key, {
        WrappingMethod,
        EncryptionKeyInformation: keyBy(wrapping),
        MACSignatureKeyInformation: keyBy(tagging),
      })
      const data = block.KeyWrappingData
      assert.ok(data?.MACSignature && block.KeyValue instanceof Uint8Array)
      assert.deepEqual(await plainOf(await comeBack(block)), material)
      const otherTag = createHmac('sha256', secret).update('other').digest()
      const damaged = Buffer.from(block.KeyValue)
      damaged[9] = (damaged[9] ?? 0) ^ 1
      const wrong: readonly KeyBlock[] = [
        { ...block, KeyValue: damaged },
        { ...block, KeyWrappingData: { ...data, MACSignature: otherTag } },
      ]
      const answers = new Set<string | undefined>()
      for (const one of wrong) {
        const get = { UniqueIdentifier: await comeBack(one), KeyWrapType: 'NotWrapped' } as const
        const told = await session.one('1.4', { operation: 'Get', request: get })
        answers.add(`${told.status} ${told.reason} ${told.message}`)
      }
      assert.equal(answers.size, 1, [...answers].join('; '))
      assert.match([...answers].join(), /CryptographicFailure/)
      const without = await comeBack({ ...block, KeyWrappingData: { ...data, MACSignature: undefined } })
      const bare = { UniqueIdentifier: without, KeyWrapType: 'NotWrapped' } as const
      assert.equal(await session.refused('1.4', 'Get', bare), 'InvalidField')
    }
})

const macOf = (data: Uint8Array) => createHmac('sha256', secret).update(data).digest()

test('a key that only has a MAC leaves with the attributes that were asked for, and comes back as it was', async () => {
  const [key, MACSignatureKeyInformation] = [await session.key('1.4'), keyBy(await macKey())]
  const material = await plainOf(key)
  const way = { WrappingMethod: 'MACSign', MACSignatureKeyInformation } as const
  const encodings: readonly Partial<KeyWrappingSpecification>[] = [
    { EncodingOption: 'NoEncoding' },
    { EncodingOption: 'TTLVEncoding' },
    { EncodingOption: undefined, AttributeName: ['Cryptographic Usage Mask', 'x-none'] },
  ]
  for (const encoding of encodings) {
    const block = await wrapped(key, { ...way, ...encoding })
    const { KeyValue: value, KeyWrappingData: data } = block
    assert.ok(value && !(value instanceof Uint8Array))
    const named = encoding.AttributeName ? [attribute('Cryptographic Usage Mask', 12)] : []
    assert.deepEqual(value, { KeyMaterial: material, Attribute: named })
    const packed = packKeyValue('Raw', value)
    const bytes = encoding.EncodingOption === 'NoEncoding' ? material : packed
    assert.deepEqual(data?.MACSignature, macOf(bytes))
    const returned = await comeBack(block)
    const { SymmetricKey } = await session.ask('1.4', 'Get', { UniqueIdentifier: returned })
    assert.deepEqual(SymmetricKey?.KeyBlock, block)
    assert.deepEqual(await plainOf(returned), material)
    assert.deepEqual(await plainOf(await comeBack({ ...block, KeyValue: bytes })), material)
    const other: KeyValue = { ...value, KeyMaterial: Buffer.alloc(32, 9) }
    const damaged = await comeBack({ ...block, KeyValue: other })
    const get = { UniqueIdentifier: damaged, KeyWrapType: 'NotWrapped' } as const
    assert.equal(await session.refused('1.4', 'Get', get), 'CryptographicFailure')
  }
})

test('a key that only has a MAC is as sensitive as others, says by which key, and has no attributes without an encoding', async () => {
  const [key, MACSignatureKeyInformation] = [await session.key('1.4'), keyBy(await macKey())]
  const block = await wrapped(key, { WrappingMethod: 'MACSign', MACSignatureKeyInformation })
  const sensitive = registering(block, [
    attribute('Cryptographic Usage Mask', 12),
    attribute('Sensitive', true),
  ])
  const { UniqueIdentifier } = await session.ask('1.4', 'Register', sensitive)
  assert.equal(await session.refused('1.4', 'Get', { UniqueIdentifier }), 'Sensitive')
  const nobody = registering({ ...block, KeyWrappingData: { WrappingMethod: 'MACSign' } }, [])
  assert.equal(await session.refused('1.4', 'Register', nobody), 'InvalidField')
  const KeyValue = { KeyMaterial: secret, Attribute: [attribute('Cryptographic Usage Mask', 12)] }
  assert.equal(
    await session.refused('1.4', 'Register', registering({ ...block, KeyValue }, [])),
    'EncodingOptionError',
  )
})

test('in 2.x the attributes that are wrapped with a key are an Attributes structure', async () => {
  const [key, MACSignatureKeyInformation] = [await session.key('1.4'), keyBy(await macKey())]
  const KeyWrappingSpecification = {
    WrappingMethod: 'MACSign',
    MACSignatureKeyInformation,
    AttributeName: ['Cryptographic Usage Mask'],
  } as unknown as KeyWrappingSpecification
  const get = { UniqueIdentifier: key, KeyWrappingSpecification }
  const { SymmetricKey } = await session.ask('2.1', 'Get', get)
  const value = SymmetricKey?.KeyBlock.KeyValue
  assert.ok(value && !(value instanceof Uint8Array))
  assert.equal(value.Attributes?.CryptographicUsageMask, 12)
  const data = SymmetricKey?.KeyBlock.KeyWrappingData
  assert.deepEqual(data?.MACSignature, macOf(packKeyValue('Raw', value)))
  const { UniqueIdentifier } = await session.ask('2.1', 'Register', {
    ObjectType: 'SymmetricKey',
    Attributes: { CryptographicUsageMask: 12, Attribute: [] },
    SymmetricKey,
  })
  assert.deepEqual(await plainOf(UniqueIdentifier), await plainOf(key))
})

test('the keys obey their masks, and each use is refused to a key of the wrong kind', async () => {
  const [key, wrapping] = [await session.key('1.4'), await wrappingKey()]
  const [silent, deaf] = [await signingPair(masks.unwrap), await macKey(masks.makeMac)]
  const opaque = { OpaqueDataType: 1, OpaqueDataValue: secret }
  const { UniqueIdentifier: other } = await session.ask('1.4', 'Register', {
    ObjectType: 'OpaqueObject',
    ...template([]),
    OpaqueObject: opaque,
  })
  const tagged = (tagging: string) => ({
    WrappingMethod: 'EncryptThenMACSign' as const,
    EncryptionKeyInformation: keyBy(wrapping),
    MACSignatureKeyInformation: keyBy(tagging),
  })
  for (const [tagging, reason] of [
    [silent.own, 'PermissionDenied'],
    [other, 'IllegalOperation'],
    ['no such key', 'ItemNotFound'],
  ] as const) {
    const KeyWrappingSpecification = {
      ...tagged(tagging),
      AttributeName: [],
      EncodingOption: 'NoEncoding',
    } as const
    const get = { UniqueIdentifier: key, KeyWrappingSpecification }
    assert.equal(await session.refused('1.4', 'Get', get), reason)
  }
  const back = await comeBack(await wrapped(key, tagged(deaf)))
  const get = { UniqueIdentifier: back, KeyWrapType: 'NotWrapped' } as const
  assert.equal(await session.refused('1.4', 'Get', get), 'PermissionDenied')
})
