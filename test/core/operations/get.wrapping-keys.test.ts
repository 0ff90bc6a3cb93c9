// The wrapping keys of an instance, through the mTLS listener: where restrictions go one way, a Sensitive key leaves by them alone, and
// no client opens by any request what they wrapped.

import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import type { KeyBlock, KeyWrappingSpecification } from '../../../src/wire/kmip/objects.ts'
import { maskOf } from '../../../src/wire/kmip/enums.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { attribute, template, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'
import { keyRoutes } from '../../../src/features/keys/routes.ts'

let session: KmipSession
let server: RunningServer
useServer(
  (started, opened) => {
    server = started
    session = opened
  },
  undefined,
  'as-sent',
)

const uses = maskOf('CryptographicUsageMask', [
  'Encrypt',
  'Decrypt',
  'WrapKey',
  'UnwrapKey',
  'MACGenerate',
  'MACVerify',
  'DeriveKey',
])
const active = attribute('Activation Date', 1000n)
const sensitive = attribute('Sensitive', true)
const nistWrap = { BlockCipherMode: 'NISTKeyWrap', CryptographicAlgorithm: 'AES' } as const

const made = async (mode: object = nistWrap, more = [sensitive], algorithm = 'AES') => {
  const attributes = [
    attribute('Cryptographic Algorithm', algorithm),
    attribute('Cryptographic Length', 256),
    attribute('Cryptographic Usage Mask', uses),
    attribute('Cryptographic Parameters', mode),
    active,
    ...more,
  ]
  const request = { ObjectType: 'SymmetricKey' as const, ...template(attributes) }
  return (await session.ask('1.4', 'Create', request)).UniqueIdentifier
}

const set = (key: string, body: { wrapsSensitive?: boolean; extractable?: true; sensitive?: false }) =>
  server.admin.call(keyRoutes.setKey, { instance: 'default', key, body })

const restrict = (restrictions: 'one-way' | 'as-sent') =>
  server.admin.call(instanceRoutes.setInstance, { instance: 'default', body: { restrictions } })

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

const wrappedGet = (UniqueIdentifier: string, KeyWrappingSpecification: KeyWrappingSpecification) => ({
  UniqueIdentifier,
  KeyWrappingSpecification,
})

async function wrappedBlock(key: string, specification: KeyWrappingSpecification): Promise<KeyBlock> {
  const { SymmetricKey } = await session.ask('1.4', 'Get', wrappedGet(key, specification))
  assert.ok(SymmetricKey?.KeyBlock.KeyWrappingData)
  return SymmetricKey.KeyBlock
}

const mac = (UniqueIdentifier: string) => ({ UniqueIdentifier, CryptographicParameters: undefined })

suite('an instance whose restrictions go one way', () => {
  let wrapping: string
  let own: string
  before(async () => {
    wrapping = await made()
    own = await made()
    await restrict('one-way')
  })

  test('a Sensitive key leaves by no key, until a manager names one, and by no other', async () => {
    const asked = wrappedGet(own, by(wrapping))
    assert.equal(await session.refused('1.4', 'Get', asked), 'Sensitive')
    assert.equal(await session.refused('1.4', 'Export', asked), 'Sensitive')
    await set(wrapping, { wrapsSensitive: true })
    await wrappedBlock(own, by(wrapping))
    const other = await made(nistWrap, [])
    assert.equal(await session.refused('1.4', 'Get', wrappedGet(own, by(other))), 'Sensitive')
    await set(wrapping, { wrapsSensitive: false })
    assert.equal(await session.refused('1.4', 'Get', asked), 'Sensitive')
    await set(wrapping, { wrapsSensitive: true })
    const shown = await server.admin.call(instanceRoutes.showInstance, { instance: 'default' })
    assert.deepEqual(shown.wrappingKeys, [{ id: wrapping, wraps: true }])
    const key = await server.admin.call(keyRoutes.showKey, { instance: 'default', key: wrapping })
    assert.equal(key.wrapsSensitive, true)
  })

  test('the MAC beside it is made by a wrapping key too', async () => {
    const tag = await made({ CryptographicAlgorithm: 'HMAC_SHA256' }, [sensitive], 'HMAC_SHA256')
    const both = by(wrapping, {
      WrappingMethod: 'EncryptThenMACSign',
      MACSignatureKeyInformation: mac(tag),
    })
    await wrappedBlock(await made(nistWrap, []), both)
    assert.equal(await session.refused('1.4', 'Get', wrappedGet(own, both)), 'Sensitive')
    await set(tag, { wrapsSensitive: true })
    await wrappedBlock(own, both)
  })

  test('a wrapping key wraps, and no client does anything else with it or takes it out', async () => {
    const UniqueIdentifier = wrapping
    const data = Buffer.alloc(16)
    const parameters = { BlockCipherMode: 'ECB' } as const
    const derived = {
      ObjectType: 'SymmetricKey' as const,
      DerivationMethod: 'HMAC' as const,
      DerivationParameters: { DerivationData: data },
      ...template([attribute('Cryptographic Algorithm', 'AES'), attribute('Cryptographic Length', 256)]),
      UniqueIdentifier: [wrapping],
    } as unknown as Request<'DeriveKey'>
    const split = {
      ObjectType: 'SplitKey',
      UniqueIdentifier,
      SplitKeyParts: 2,
      SplitKeyThreshold: 2,
      SplitKeyMethod: 'XOR',
      ...template([]),
    } as unknown as Request<'CreateSplitKey'>
    const use = { UniqueIdentifier, CryptographicParameters: parameters, Data: data }
    for (const operation of ['Encrypt', 'Decrypt'] as const)
      assert.equal(await session.refused('1.4', operation, use), 'PermissionDenied', operation)
    assert.equal(await session.refused('1.4', 'MAC', { UniqueIdentifier, Data: data }), 'PermissionDenied')
    assert.equal(await session.refused('1.4', 'DeriveKey', derived), 'PermissionDenied')
    assert.equal(await session.refused('1.4', 'CreateSplitKey', split), 'PermissionDenied')
    const second = await made()
    await set(second, { wrapsSensitive: true })
    assert.equal(await session.refused('1.4', 'Get', wrappedGet(wrapping, by(second))), 'PermissionDenied')
    await set(second, { wrapsSensitive: false })
    assert.equal(
      await session.refused('1.4', 'Decrypt', { ...use, UniqueIdentifier: second }),
      'PermissionDenied',
    )
  })

  test('what it wrapped is unwrapped for no client: by Get, by another wrapping, or by Import', async () => {
    const block = await wrappedBlock(own, by(wrapping))
    const registered = await session.ask('1.4', 'Register', {
      ObjectType: 'SymmetricKey',
      ...template([attribute('Cryptographic Usage Mask', uses)]),
      SymmetricKey: { KeyBlock: block },
    })
    const { UniqueIdentifier } = registered
    const back = await session.ask('1.4', 'Get', { UniqueIdentifier })
    assert.deepEqual(back.SymmetricKey?.KeyBlock.KeyValue, block.KeyValue)
    const plain = { UniqueIdentifier, KeyWrapType: 'NotWrapped' } as const
    assert.equal(await session.refused('1.4', 'Get', plain), 'PermissionDenied')
    const free = await made(nistWrap, [])
    assert.equal(
      await session.refused('1.4', 'Get', wrappedGet(UniqueIdentifier, by(free))),
      'PermissionDenied',
    )
    const imported = {
      UniqueIdentifier: 'brought-back',
      ObjectType: 'SymmetricKey',
      KeyWrapType: 'NotWrapped',
      Attribute: [attribute('Cryptographic Usage Mask', uses)],
      SymmetricKey: { KeyBlock: block },
    } as unknown as Request<'Import'>
    assert.equal(await session.refused('1.4', 'Import', imported), 'PermissionDenied')
  })

  test('it wraps with a check value alone, other keys too', async () => {
    const key = await made({ BlockCipherMode: 'ECB', PaddingMethod: 'PKCS5' })
    const other = await made(nistWrap, [])
    await wrappedBlock(other, by(key))
    await set(key, { wrapsSensitive: true })
    for (const one of [own, other])
      assert.equal(await session.refused('1.4', 'Get', wrappedGet(one, by(key))), 'PermissionDenied')
    const gcm = await made({ BlockCipherMode: 'GCM' })
    await set(gcm, { wrapsSensitive: true })
    await wrappedBlock(own, by(gcm))
  })

  test('as sent, any key wraps a Sensitive one, and a wrapping key still does nothing else', async () => {
    await restrict('as-sent')
    await wrappedBlock(own, by(await made(nistWrap, [])))
    const use = { UniqueIdentifier: wrapping, CryptographicParameters: { BlockCipherMode: 'ECB' } as const }
    assert.equal(
      await session.refused('1.4', 'Decrypt', { ...use, Data: Buffer.alloc(16) }),
      'PermissionDenied',
    )
  })
})
