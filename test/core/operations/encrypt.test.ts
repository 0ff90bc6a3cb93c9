// Encrypt (KMIP 1.4 §4.29) through the mTLS listener: what leaves the server, what the rules of use refuse, limits under
// concurrent requests, parts, and what the audit says.

import assert from 'node:assert/strict'
import { createDecipheriv, generateKeyPairSync, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { cryptoStreamsPerPartyMax } from '../../../src/core/keys/transaction/streams.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import {
  attribute,
  openSession,
  template,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

const past = BigInt(Math.floor(Date.now() / 1000) - 3600)
const active = attribute('Activation Date', past)
const key = (more: readonly WireAttribute[] = []) => session.key('1.4', [active, ...more])
const cbc = { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5', RandomIV: true } as const
const gcm = { BlockCipherMode: 'GCM', RandomIV: true } as const

async function material(UniqueIdentifier: string): Promise<Uint8Array> {
  const { SymmetricKey } = await session.ask('1.4', 'Get', { UniqueIdentifier })
  const value = SymmetricKey?.KeyBlock.KeyValue
  assert.ok(value && 'KeyMaterial' in value && value.KeyMaterial instanceof Uint8Array)
  return value.KeyMaterial
}

test('the answer has the data and the IV that the server chose', async () => {
  const UniqueIdentifier = await key()
  const Data = randomBytes(100_000)
  const answer = await session.ask('1.4', 'Encrypt', { UniqueIdentifier, CryptographicParameters: cbc, Data })
  const decipher = createDecipheriv(
    'aes-256-cbc',
    await material(UniqueIdentifier),
    answer.IVCounterNonce ?? null,
  )
  const opened = Buffer.concat([decipher.update(answer.Data ?? Buffer.of()), decipher.final()])
  assert.ok(opened.equals(Data))
  const given = await session.ask('1.4', 'Encrypt', {
    UniqueIdentifier,
    CryptographicParameters: cbc,
    Data,
    IVCounterNonce: answer.IVCounterNonce,
  })
  assert.deepEqual([given.Data, given.IVCounterNonce], [answer.Data, undefined])
})

test('the tag is apart since 1.4, and the end of the data before', async () => {
  const UniqueIdentifier = await key()
  const IVCounterNonce = randomBytes(12)
  const request = { UniqueIdentifier, CryptographicParameters: gcm, Data: Buffer.from('x'), IVCounterNonce }
  const apart = await session.ask('1.4', 'Encrypt', request)
  assert.equal(apart.AuthenticatedEncryptionTag?.length, 16)
  for (const version of ['1.2', '1.3'] as const) {
    const { Data } = await session.ask(version, 'Encrypt', request)
    assert.deepEqual(Data, Buffer.concat([apart.Data ?? Buffer.of(), apart.AuthenticatedEncryptionTag]))
  }
})

test('a nonce that the server chooses has 96 bits and is new each time, also for concurrent requests', async () => {
  const UniqueIdentifier = await key()
  const ask = () =>
    session.ask('1.4', 'Encrypt', { UniqueIdentifier, CryptographicParameters: gcm, Data: Buffer.of(1) })
  const answers = [await ask(), await ask(), await ask()]
  const nonces = answers.map(({ IVCounterNonce }) => Buffer.from(IVCounterNonce ?? []).toString('hex'))
  assert.ok(nonces.every((nonce) => nonce.length === 24))
  assert.equal(new Set(nonces).size, 3)
  // The count is no change of the object that anybody sees.
  const listed = await session.ask('1.4', 'GetAttributeList', { UniqueIdentifier })
  assert.ok(!listed.AttributeName?.some((name) => name.includes('Nonce')))
})

test('the rules of use', async () => {
  const now = past + 3600n
  const table: readonly (readonly [WireAttribute[], string])[] = [
    [[attribute('Cryptographic Usage Mask', 8), active], 'PermissionDenied'],
    [[attribute('Protect Stop Date', past), active], 'PermissionDenied'],
    [[], 'PermissionDenied'],
    [[active, attribute('Deactivation Date', now - 60n)], 'PermissionDenied'],
  ]
  for (const [attributes, reason] of table) {
    const request: Request<'Create'> = {
      ObjectType: 'SymmetricKey',
      TemplateAttribute: {
        Name: [],
        Attribute: [
          attribute('Cryptographic Algorithm', 'AES'),
          attribute('Cryptographic Length', 128),
          ...(attributes.some(({ AttributeName }) => AttributeName === 'Cryptographic Usage Mask')
            ? attributes
            : [attribute('Cryptographic Usage Mask', 12), ...attributes]),
        ],
      },
    }
    const { UniqueIdentifier } = await session.ask('1.4', 'Create', request)
    const asked = { UniqueIdentifier, CryptographicParameters: cbc, Data: Buffer.of(1) }
    assert.equal(await session.refused('1.4', 'Encrypt', asked), reason)
  }
  const { UniqueIdentifier: opaque } = await session.ask('1.4', 'Register', {
    ObjectType: 'OpaqueObject',
    ...template([]),
    OpaqueObject: { OpaqueDataType: 1, OpaqueDataValue: Buffer.of(1) },
  })
  const asked = { UniqueIdentifier: opaque, CryptographicParameters: cbc, Data: Buffer.of(1) }
  assert.equal(await session.refused('1.4', 'Encrypt', asked), 'PermissionDenied')
  assert.equal(await session.refused('2.1', 'Encrypt', asked), 'InvalidObjectType')
  const sensitive = await key([attribute('Sensitive', true), attribute('Extractable', false)])
  await session.ask('1.4', 'Encrypt', {
    UniqueIdentifier: sensitive,
    CryptographicParameters: cbc,
    Data: Buffer.of(1),
  })
})

test('what is missing or unknown has its reason', async () => {
  const UniqueIdentifier = await key()
  const Data = randomBytes(16)
  const refused = (more: Partial<Request<'Encrypt'>>) =>
    session.refused('1.4', 'Encrypt', { UniqueIdentifier, Data, ...more })
  assert.equal(await refused({}), 'InvalidField')
  assert.equal(await refused({ CryptographicParameters: { BlockCipherMode: 'CBC' } }), 'InvalidMessage')
  assert.equal(await refused({ CryptographicParameters: cbc, Data: undefined }), 'InvalidMessage')
  assert.equal(await refused({ CryptographicParameters: { ...gcm, TagLength: 1 } }), 'GeneralFailure')
  assert.equal(await refused({ CryptographicParameters: cbc, UniqueIdentifier: 'none' }), 'ItemNotFound')
})

test('Usage Limits are never exceeded, also by concurrent requests, and a refused use takes nothing', async () => {
  const limit = { UsageLimitsTotal: 160n, UsageLimitsUnit: 'Byte' }
  const UniqueIdentifier = await key([attribute('Usage Limits', limit)])
  const identity = await makeCertificate({ key: 'ec', ownKey: true, commonName: 'another' })
  await server.trust('second', identity)
  using second = await openSession(server.port, identity)
  using third = await openSession(server.port, identity)
  const ask = async (by: KmipSession) => {
    const request = {
      UniqueIdentifier,
      CryptographicParameters: { BlockCipherMode: 'ECB' },
      Data: randomBytes(16),
    } as const
    return (await by.one('1.4', { operation: 'Encrypt', request })).status
  }
  assert.equal(
    await session.refused('1.4', 'Encrypt', {
      UniqueIdentifier,
      CryptographicParameters: { BlockCipherMode: 'ECB' },
      Data: randomBytes(17),
    }),
    'InvalidField',
  )
  const rounds = await Promise.all(
    [session, second, third].map(async (by) => [await ask(by), await ask(by), await ask(by), await ask(by)]),
  )
  assert.equal(rounds.flat().filter((status) => status === 'Success').length, 10)
  const [left] = await session.values('1.4', UniqueIdentifier, 'Usage Limits')
  assert.deepEqual(left, { UsageLimitsTotal: 160n, UsageLimitsCount: 0n, UsageLimitsUnit: 'Byte' })
})

test('parts make the same as the whole, and a Correlation Value is good for its client and key alone', async () => {
  const UniqueIdentifier = await key()
  const other = await key()
  const IVCounterNonce = randomBytes(16)
  const Data = randomBytes(50_000)
  const CryptographicParameters = { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5' } as const
  const first = { UniqueIdentifier, CryptographicParameters, IVCounterNonce }
  const whole = await session.ask('1.3', 'Encrypt', { ...first, Data })
  const begun = await session.ask('1.3', 'Encrypt', {
    ...first,
    Data: Data.subarray(0, 9),
    InitIndicator: true,
  })
  const { CorrelationValue } = begun
  const part = { UniqueIdentifier, CorrelationValue, Data: Data.subarray(9, 40_000) }
  const identity = await makeCertificate({ key: 'ec', ownKey: true, commonName: 'another' })
  await server.trust('stranger', identity)
  using stranger = await openSession(server.port, identity)
  assert.equal(await stranger.refused('1.3', 'Encrypt', part), 'ItemNotFound')
  assert.equal(await session.refused('1.3', 'Encrypt', { ...part, UniqueIdentifier: other }), 'ItemNotFound')
  assert.equal(await session.refused('1.3', 'Decrypt', part), 'ItemNotFound')
  const middle = await session.ask('1.3', 'Encrypt', part)
  assert.deepEqual(middle.CorrelationValue, CorrelationValue)
  const last = await session.ask('1.3', 'Encrypt', {
    UniqueIdentifier,
    CorrelationValue,
    Data: Data.subarray(40_000),
    FinalIndicator: true,
  })
  assert.equal(last.CorrelationValue, undefined)
  const parts = [begun, middle, last].map((answer) => answer.Data ?? Buffer.of())
  assert.deepEqual(Buffer.concat(parts), whole.Data)
  assert.equal(await session.refused('1.3', 'Encrypt', { ...part }), 'ItemNotFound')
})

test('a key that is closed meanwhile ends its stream', async () => {
  const UniqueIdentifier = await key()
  const { CorrelationValue } = await session.ask('1.4', 'Encrypt', {
    UniqueIdentifier,
    CryptographicParameters: { BlockCipherMode: 'ECB' },
    InitIndicator: true,
  })
  await session.ask('1.4', 'Revoke', {
    UniqueIdentifier,
    RevocationReason: { RevocationReasonCode: 'CessationOfOperation' },
  })
  const part = { UniqueIdentifier, CorrelationValue, Data: randomBytes(16) }
  assert.equal(await session.refused('1.4', 'Encrypt', part), 'PermissionDenied')
})

test('a client has a few streams at once', async () => {
  const UniqueIdentifier = await key()
  const begin = {
    UniqueIdentifier,
    CryptographicParameters: { BlockCipherMode: 'ECB' },
    InitIndicator: true,
  } as const
  for (let begun = 0; begun < cryptoStreamsPerPartyMax + 1; begun++) {
    const told = await session.one('1.4', { operation: 'Encrypt', request: begin })
    if (told.status === 'Success') continue
    assert.equal(told.reason, 'GeneralFailure')
    return
  }
  assert.fail('there is no bound')
})

test('the audit says which key, for what, and how many bytes', async () => {
  const UniqueIdentifier = await key()
  await session.ask('1.4', 'Encrypt', {
    UniqueIdentifier,
    CryptographicParameters: cbc,
    Data: Buffer.from('seventeen bytes !'),
  })
  const { entries } = await server.admin.call(auditRoutes.listAudit, {
    query: { object: UniqueIdentifier, limit: 10 },
  })
  const entry = entries.find(({ action }) => action === 'key.encrypt')
  assert.deepEqual(entry?.detail, { bytes: 17 })
})

test('RSA: by a public key, or by the public half of a private key', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const register = async (isPrivate: boolean) => {
    const KeyBlock = {
      KeyFormatType: isPrivate ? 'PKCS_1' : 'X_509',
      KeyValue: {
        KeyMaterial: isPrivate
          ? privateKey.export({ format: 'der', type: 'pkcs1' })
          : publicKey.export({ format: 'der', type: 'spki' }),
      },
      CryptographicAlgorithm: 'RSA',
      CryptographicLength: 2_048,
    } as const
    const { UniqueIdentifier } = await session.ask('1.4', 'Register', {
      ObjectType: isPrivate ? 'PrivateKey' : 'PublicKey',
      ...template([active, attribute('Cryptographic Usage Mask', 12)]),
      ...(isPrivate ? { PrivateKey: { KeyBlock } } : { PublicKey: { KeyBlock } }),
    })
    return UniqueIdentifier
  }
  const [own, published] = [await register(true), await register(false)]
  const oaep = {
    PaddingMethod: 'OAEP',
    HashingAlgorithm: 'SHA_256',
    MaskGenerator: 'MGF1',
    MaskGeneratorHashingAlgorithm: 'SHA_256',
  } as const
  const Data = randomBytes(32)
  for (const UniqueIdentifier of [own, published])
    for (const CryptographicParameters of [oaep, { PaddingMethod: 'PKCS1V1_5' } as const]) {
      const sealed = await session.ask('1.4', 'Encrypt', { UniqueIdentifier, CryptographicParameters, Data })
      const opened = await session.ask('1.4', 'Decrypt', {
        UniqueIdentifier: own,
        CryptographicParameters,
        Data: sealed.Data,
      })
      assert.deepEqual(opened.Data, Data)
    }
  const wrong = { UniqueIdentifier: own, CryptographicParameters: oaep, Data: randomBytes(256) }
  assert.equal(await session.refused('1.4', 'Decrypt', wrong), 'CryptographicFailure')
  assert.equal(await session.refused('1.4', 'Encrypt', { UniqueIdentifier: own, Data }), 'InvalidField')
})
