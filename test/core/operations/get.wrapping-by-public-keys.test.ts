// Keys that leave wrapped by a public key, by RSA-OAEP, and come back by the private one (KMIP 1.4 §2.1.5, §2.1.6, §11.62).

import assert from 'node:assert/strict'
import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto'
import { test } from 'node:test'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'
import {
  unpackKeyValue,
  type KeyBlock,
  type KeyWrappingSpecification,
} from '../../../src/wire/kmip/objects.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import {
  attribute,
  materialOf,
  template,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'

let server: RunningServer
let session: KmipSession
useServer(
  (started, opened) => {
    server = started
    session = opened
  },
  undefined,
  'as-sent',
)

const [wraps, unwraps] = [0x10, 0x20]
const oaep = {
  PaddingMethod: 'OAEP',
  HashingAlgorithm: 'SHA_256',
  MaskGeneratorHashingAlgorithm: 'SHA_256',
} as const
const rsaOptions = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const

async function pair(parameters: object = oaep) {
  const half = (mask: number): Request<'CreateKeyPair'>['CommonTemplateAttribute'] =>
    template([
      attribute('Cryptographic Usage Mask', mask),
      attribute('Cryptographic Parameters', parameters),
      attribute('Activation Date', 1000n),
    ]).TemplateAttribute
  const made = await session.ask('1.4', 'CreateKeyPair', {
    CommonTemplateAttribute: template([
      attribute('Cryptographic Algorithm', 'RSA'),
      attribute('Cryptographic Length', 2048),
    ]).TemplateAttribute,
    PrivateKeyTemplateAttribute: half(unwraps),
    PublicKeyTemplateAttribute: half(wraps),
  })
  const [own, open] = [made.PrivateKeyUniqueIdentifier, made.PublicKeyUniqueIdentifier]
  const { PrivateKey } = await session.ask('1.4', 'Get', { UniqueIdentifier: own, KeyFormatType: 'PKCS_8' })
  const privateKey = createPrivateKey({ key: materialOf(PrivateKey?.KeyBlock), format: 'der', type: 'pkcs8' })
  return { own, open, privateKey }
}

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

async function wrapped(UniqueIdentifier: string, KeyWrappingSpecification: KeyWrappingSpecification) {
  const { SymmetricKey } = await session.ask('1.4', 'Get', { UniqueIdentifier, KeyWrappingSpecification })
  const value = SymmetricKey?.KeyBlock.KeyValue
  assert.ok(value instanceof Uint8Array)
  return { value, data: SymmetricKey?.KeyBlock.KeyWrappingData }
}

const plainOf = async (UniqueIdentifier: string) =>
  materialOf(
    (await session.ask('1.4', 'Get', { UniqueIdentifier, KeyWrapType: 'NotWrapped' })).SymmetricKey?.KeyBlock,
  )

function register(
  KeyValue: Uint8Array,
  wrappingKey: string,
  more: readonly WireAttribute[] = [],
  parameters: object = oaep,
) {
  const KeyBlock: KeyBlock = {
    KeyFormatType: 'Raw',
    KeyValue,
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 256,
    KeyWrappingData: {
      WrappingMethod: 'Encrypt',
      EncryptionKeyInformation: { UniqueIdentifier: wrappingKey, CryptographicParameters: parameters },
      EncodingOption: 'NoEncoding',
    },
  }
  const Attribute = [attribute('Cryptographic Usage Mask', 12), ...more]
  return session.ask('1.4', 'Register', {
    ObjectType: 'SymmetricKey',
    ...template(Attribute),
    SymmetricKey: { KeyBlock },
  })
}

test('a key leaves wrapped by RSA-OAEP, each time again, and whoever has the private key reads it', async () => {
  const { open, privateKey } = await pair()
  const own = await session.key('1.4')
  const material = await plainOf(own)
  const [one, two] = [await wrapped(own, by(open)), await wrapped(own, by(open))]
  assert.notDeepEqual(one.value, two.value)
  assert.equal(one.data?.EncryptionKeyInformation?.UniqueIdentifier, open)
  assert.equal(one.data.IVCounterNonce, undefined)
  for (const { value } of [one, two])
    assert.deepEqual(privateDecrypt({ key: privateKey, ...rsaOptions }, value), material)
  const ttlv = await wrapped(own, by(open, { EncodingOption: 'TTLVEncoding' }))
  const value = unpackKeyValue('Raw', privateDecrypt({ key: privateKey, ...rsaOptions }, ttlv.value))
  assert.deepEqual(Buffer.from((value as { KeyMaterial: Uint8Array }).KeyMaterial), material)
})

test('a sensitive key leaves so, and a key comes back by the public key that is named, or by the private one', async () => {
  const { own, open, privateKey } = await pair()
  const key = await session.key('1.4', [attribute('Sensitive', true)])
  const { value } = await wrapped(key, by(open))
  for (const named of [open, own]) {
    const { UniqueIdentifier } = await register(value, named)
    assert.deepEqual(
      await plainOf(UniqueIdentifier),
      privateDecrypt({ key: privateKey, ...rsaOptions }, value),
    )
  }
  const brought = Buffer.alloc(32, 7)
  const outside = publicEncrypt({ key: createPublicKey(privateKey), ...rsaOptions }, brought)
  assert.deepEqual(await plainOf((await register(outside, open)).UniqueIdentifier), brought)
})

test('what does not fit, may not be or is damaged is refused', async () => {
  const [{ own, open }, old] = [await pair(), await pair({ PaddingMethod: 'PKCS1V1_5' })]
  const key = await session.key('1.4', [attribute('x-Note', { type: 'TextString', value: 'a'.repeat(200) })])
  const refused = (KeyWrappingSpecification: KeyWrappingSpecification) =>
    session.refused('1.4', 'Get', { UniqueIdentifier: key, KeyWrappingSpecification })
  assert.equal(await refused(by(old.open)), 'FeatureNotSupported')
  assert.equal(await refused(by(own)), 'IllegalOperation', 'a private key does not wrap')
  const long = by(open, { AttributeName: ['x-Note'], EncodingOption: 'TTLVEncoding' })
  assert.equal(await refused(long), 'InvalidField')
  const { value } = await wrapped(key, by(open))
  const damaged = Buffer.from(value)
  damaged[9] = (damaged[9] ?? 0) ^ 1
  const { UniqueIdentifier } = await register(damaged, open)
  const get = { UniqueIdentifier, KeyWrapType: 'NotWrapped' } as const
  assert.equal(await session.refused('1.4', 'Get', get), 'CryptographicFailure')
})

const oldPadding = { PaddingMethod: 'PKCS1V1_5', CryptographicAlgorithm: 'RSA' } as const

/** A public key of a client that has the private one. */
async function registered(more: readonly WireAttribute[] = []) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const made = await session.ask('1.4', 'Register', {
    ObjectType: 'PublicKey',
    ...template([
      attribute('Cryptographic Usage Mask', wraps),
      attribute('Cryptographic Parameters', oldPadding),
      attribute('Activation Date', 1000n),
      ...more,
    ]),
    PublicKey: {
      KeyBlock: {
        KeyFormatType: 'PKCS_1',
        KeyValue: { KeyMaterial: publicKey.export({ type: 'pkcs1', format: 'der' }) },
        CryptographicAlgorithm: 'RSA',
        CryptographicLength: 2048,
      },
    },
  })
  return { open: made.UniqueIdentifier, privateKey }
}

const legacyWrap = (allowed: boolean) =>
  server.admin.call(instanceRoutes.setInstance, { instance: 'default', body: { legacyWrap: allowed } })

test('PKCS #1 v1.5 wraps where the instance allows it, for Get and Export, under a registered public key', async () => {
  const [{ open, privateKey }, own, key] = [
    await registered(),
    await pair(oldPadding),
    await session.key('1.4'),
  ]
  const wrapping = (UniqueIdentifier: string) => ({
    UniqueIdentifier: key,
    KeyWrappingSpecification: by(UniqueIdentifier),
  })
  const refused = async (operation: 'Get' | 'Export', UniqueIdentifier: string) =>
    assert.equal(await session.refused('1.4', operation, wrapping(UniqueIdentifier)), 'FeatureNotSupported')
  for (const operation of ['Get', 'Export'] as const) await refused(operation, open)
  assert.equal((await legacyWrap(true)).legacyWrap, true)
  const material = await plainOf(key)
  for (const operation of ['Get', 'Export'] as const) {
    const { SymmetricKey } = await session.ask('1.4', operation, wrapping(open))
    const { KeyValue, KeyWrappingData } = SymmetricKey?.KeyBlock ?? {}
    assert.ok(KeyValue instanceof Uint8Array)
    const opened = privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_PADDING }, KeyValue)
    assert.deepEqual(opened, material)
    assert.equal(KeyWrappingData?.EncryptionKeyInformation?.UniqueIdentifier, open)
    // Its private key is here.
    await refused(operation, own.open)
  }
  const query = { object: open, action: 'key.wrap', limit: 10 }
  const { entries } = await server.admin.call(auditRoutes.listInstanceAudit, { instance: 'default', query })
  assert.deepEqual(
    entries.filter(({ result }) => result === 'success').map(({ detail }) => detail),
    [1, 2].map(() => ({ of: key, bytes: 32, padding: 'PKCS1V1_5' })),
  )
  const linked = await registered([
    attribute('Link', { LinkType: 'PrivateKeyLink', LinkedObjectIdentifier: own.own }),
  ])
  await refused('Get', linked.open)
  await legacyWrap(false)
  await refused('Get', open)
})

test('PKCS #1 v1.5 never unwraps, also where the instance allows it to wrap', async () => {
  const { open, own, privateKey } = await pair(oldPadding)
  const padding = { key: createPublicKey(privateKey), padding: constants.RSA_PKCS1_PADDING }
  await legacyWrap(true)
  for (const named of [open, own]) {
    const { UniqueIdentifier } = await register(
      publicEncrypt(padding, Buffer.alloc(32, 7)),
      named,
      [],
      oldPadding,
    )
    const get = { UniqueIdentifier, KeyWrapType: 'NotWrapped' } as const
    assert.equal(await session.refused('1.4', 'Get', get), 'FeatureNotSupported')
  }
  await legacyWrap(false)
})
