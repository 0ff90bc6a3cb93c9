// ML-KEM, ML-DSA and SLH-DSA over KMIP 3.0, a draft: pairs that the server makes and keys that clients bring, Sign, Signature Verify,
// Encapsulate and Decapsulate, and what older versions see of them.

import assert from 'node:assert/strict'
import { decapsulate, encapsulate, generateKeyPairSync, sign, verify, createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import type { EnumName } from '../../../src/wire/kmip/enums.ts'
import type { Attributes } from '../../../src/wire/kmip/objects.ts'
import { materialOf, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

type Algorithm = EnumName<'CryptographicAlgorithm'>
const active = { ActivationDate: 0n }
const attributes = (values: object): Attributes => ({ ...values, Attribute: [] })
/** Those that are there. */
const said = (values: object | undefined) =>
  Object.fromEntries(Object.entries(values ?? {}).filter(([, value]) => !Array.isArray(value)))

async function pair(CryptographicAlgorithm: Algorithm, values: object = {}) {
  const { PrivateKeyUniqueIdentifier: own, PublicKeyUniqueIdentifier: open } = await session.ask(
    '3.0',
    'CreateKeyPair',
    { CommonAttributes: attributes({ CryptographicAlgorithm, ...active, ...values }) },
  )
  return { own, open }
}

async function secretOf(UniqueIdentifier: string): Promise<string> {
  const { SecretData } = await session.ask('3.0', 'Get', { UniqueIdentifier })
  assert.equal(SecretData?.SecretDataType, 'Seed')
  assert.equal(SecretData.KeyBlock.KeyFormatType, 'Raw')
  return materialOf(SecretData.KeyBlock).toString('hex')
}

for (const algorithm of ['ML_KEM_512', 'ML_KEM_768', 'ML_KEM_1024'] as const)
  test(`${algorithm}: both sides have the same secret, as Secret Data, and the answer has it not`, async () => {
    const { own, open } = await pair(algorithm)
    const made = await session.ask('3.0', 'Encapsulate', { UniqueIdentifier: open })
    const found = await session.ask('3.0', 'Decapsulate', { UniqueIdentifier: own, Data: made.Data })
    assert.notEqual(made.UniqueIdentifier, found.UniqueIdentifier)
    const secret = await secretOf(made.UniqueIdentifier)
    assert.equal(secret.length, 64)
    assert.equal(await secretOf(found.UniqueIdentifier), secret)
    assert.ok(!Buffer.from(made.Data).toString('hex').includes(secret))
    const { Attributes } = await session.ask('3.0', 'GetAttributes', {
      UniqueIdentifier: found.UniqueIdentifier,
      AttributeReference: [
        'State',
        'CryptographicLength',
        'CryptographicUsageMask',
        'ObjectType',
        'RandomNumberGenerator',
      ],
    })
    assert.deepEqual(said(Attributes), {
      State: 'PreActive',
      CryptographicLength: 256,
      CryptographicUsageMask: 512,
      ObjectType: 'SecretData',
      RandomNumberGenerator: { RNGAlgorithm: 'Unspecified' },
    })
  })

test('the secret is what Node finds with the same key, in both directions', async () => {
  const theirs = generateKeyPairSync('ml-kem-768')
  const { UniqueIdentifier } = await register(
    'PublicKey',
    'ML_KEM_768',
    'X_509',
    0x800,
    theirs.publicKey.export({ format: 'der', type: 'spki' }),
  )
  const made = await session.ask('3.0', 'Encapsulate', {
    UniqueIdentifier,
    CryptographicParameters: { KEMAlgorithm: 'MLKEM' },
    Attributes: attributes({ Name: ['shared with them'], Sensitive: false }),
  })
  const secret = decapsulate(theirs.privateKey, Buffer.from(made.Data)).toString('hex')
  assert.equal(await secretOf(made.UniqueIdentifier), secret)
  const { UniqueIdentifier: named } = await session.ask('3.0', 'Locate', {
    Attributes: { Name: ['shared with them'], Attribute: [] },
  })
  assert.deepEqual(named, [made.UniqueIdentifier])

  const { own, open } = await pair('ML_KEM_768')
  const { PublicKey } = await session.ask('3.0', 'Get', { UniqueIdentifier: open })
  const der = materialOf(PublicKey?.KeyBlock)
  const { ciphertext, sharedKey } = encapsulate(createPublicKey({ key: der, format: 'der', type: 'spki' }))
  const found = await session.ask('3.0', 'Decapsulate', { UniqueIdentifier: own, Data: ciphertext })
  assert.equal(await secretOf(found.UniqueIdentifier), sharedKey.toString('hex'))
})

test('keys for RSA and on curves make secrets too, by the method that is theirs alone', async () => {
  for (const [algorithm, more, kem, other] of [
    ['RSA', { CryptographicLength: 2048 }, 'RSASVE', 'MLKEM'],
    ['ECDH', { CryptographicDomainParameters: { RecommendedCurve: 'P_256' } }, 'DHKEM', 'RSASVE'],
    ['ECDH', { CryptographicDomainParameters: { RecommendedCurve: 'CURVE25519' } }, 'DHKEM', 'MLKEM'],
  ] as const) {
    const { own, open } = await pair(algorithm, { ...more, CryptographicUsageMask: 0x800 })
    const CryptographicParameters = { KEMAlgorithm: kem }
    const made = await session.ask('3.0', 'Encapsulate', { UniqueIdentifier: open, CryptographicParameters })
    const found = await session.ask('3.0', 'Decapsulate', {
      UniqueIdentifier: own,
      CryptographicParameters,
      Data: made.Data,
    })
    assert.equal(await secretOf(found.UniqueIdentifier), await secretOf(made.UniqueIdentifier))
    const refused = await session.one('3.0', {
      operation: 'Encapsulate',
      request: { UniqueIdentifier: open, CryptographicParameters: { KEMAlgorithm: other } },
    })
    assert.equal(refused.reason, 'BadCryptographicParameters')
  }
})

test('what a key must be allowed, and be, for that', async () => {
  const { own, open } = await pair('ML_KEM_512')
  const { open: verifying } = await pair('ML_DSA_44')
  const { open: masked } = await pair('ML_KEM_512', { CryptographicUsageMask: 2 })
  const { PrivateKeyUniqueIdentifier: idle } = await session.ask('3.0', 'CreateKeyPair', {
    CommonAttributes: attributes({ CryptographicAlgorithm: 'ML_KEM_512' }),
  })
  const { open: odd } = await pair('ML_DSA_44', { CryptographicUsageMask: 0x802 })
  const Data = Buffer.alloc(768)
  for (const [operation, request, reason] of [
    ['Encapsulate', { UniqueIdentifier: own }, undefined],
    ['Encapsulate', { UniqueIdentifier: verifying }, 'IncompatibleCryptographicUsageMask'],
    ['Encapsulate', { UniqueIdentifier: masked }, 'IncompatibleCryptographicUsageMask'],
    ['Encapsulate', { UniqueIdentifier: odd }, 'BadCryptographicParameters'],
    ['Decapsulate', { UniqueIdentifier: idle, Data }, 'WrongKeyLifecycleState'],
    ['Decapsulate', { UniqueIdentifier: open, Data }, 'BadCryptographicParameters'],
    ['Decapsulate', { UniqueIdentifier: own, Data: Data.subarray(1) }, 'BadCryptographicParameters'],
    // A changed text gives another secret, which its holder finds out (FIPS 203 §6.3).
    ['Decapsulate', { UniqueIdentifier: own, Data }, undefined],
  ] as const) {
    const answer = await session.one('3.0', { operation, request } as never)
    assert.equal(answer.reason, reason, `${operation} ${answer.message}`)
  }
  await session.ask('3.0', 'Deactivate', {
    UniqueIdentifier: open,
    DeactivationReason: { DeactivationReasonCode: 'UsageLimit', DeactivationMessage: 'enough' },
  })
  const late = await session.one('3.0', { operation: 'Encapsulate', request: { UniqueIdentifier: open } })
  assert.equal(late.reason, 'WrongKeyLifecycleState')
  const { Attributes } = await session.ask('3.0', 'GetAttributes', {
    UniqueIdentifier: open,
    AttributeReference: ['State', 'DeactivationReason'],
  })
  assert.deepEqual(Attributes?.['DeactivationReason'], {
    DeactivationReasonCode: 'UsageLimit',
    DeactivationMessage: 'enough',
  })
  assert.equal(Attributes['State'], 'Deactivated')
})

test('the secret of a private key that may not leave does not leave either, unless the request says so', async () => {
  const { own, open } = await pair('ML_KEM_512', { Sensitive: true })
  const { Data } = await session.ask('3.0', 'Encapsulate', { UniqueIdentifier: open })
  const kept = await session.ask('3.0', 'Decapsulate', { UniqueIdentifier: own, Data })
  const { UniqueIdentifier } = kept
  assert.equal(
    (await session.one('3.0', { operation: 'Get', request: { UniqueIdentifier } })).reason,
    'Sensitive',
  )
  const free = await session.ask('3.0', 'Decapsulate', {
    UniqueIdentifier: own,
    Data,
    Attributes: attributes({ Sensitive: false }),
  })
  assert.equal((await secretOf(free.UniqueIdentifier)).length, 64)
})

function register(
  ObjectType: 'PublicKey' | 'PrivateKey',
  CryptographicAlgorithm: Algorithm,
  KeyFormatType: EnumName<'KeyFormatType'>,
  CryptographicUsageMask: number,
  KeyMaterial: Buffer,
) {
  return session.ask('3.0', 'Register', {
    ObjectType,
    Attributes: attributes({ CryptographicUsageMask, ...active }),
    [ObjectType]: { KeyBlock: { KeyFormatType, KeyValue: { KeyMaterial }, CryptographicAlgorithm } },
  })
}

for (const [algorithm, type] of [
  ['ML_DSA_44', 'ml-dsa-44'],
  ['ML_DSA_87', 'ml-dsa-87'],
  ['SLH_DSA_SHA2_128f', 'slh-dsa-sha2-128f'],
  ['SLH_DSA_SHAKE_192f', 'slh-dsa-shake-192f'],
] as const)
  test(`${algorithm}: signatures of the server are those of Node, and the other way round`, async () => {
    const Data = Buffer.from('what is signed')
    const { own, open } = await pair(algorithm)
    const { SignatureData } = await session.ask('3.0', 'Sign', { UniqueIdentifier: own, Data })
    assert.ok(SignatureData)
    const { PublicKey } = await session.ask('3.0', 'Get', { UniqueIdentifier: open })
    const publicKey = createPublicKey({ key: materialOf(PublicKey?.KeyBlock), format: 'der', type: 'spki' })
    assert.ok(verify(null, Data, publicKey, SignatureData))
    const theirs = generateKeyPairSync(type as 'ml-dsa-44')
    const pkcs8 = theirs.privateKey.export({ format: 'der', type: 'pkcs8' })
    const spki = theirs.publicKey.export({ format: 'der', type: 'spki' })
    const { UniqueIdentifier } = await register('PublicKey', algorithm, 'X_509', 2, spki)
    const checked = async (signature: Uint8Array) =>
      (await session.ask('3.0', 'SignatureVerify', { UniqueIdentifier, Data, SignatureData: signature }))
        .ValidityIndicator
    const signature = sign(null, Data, theirs.privateKey)
    assert.equal(await checked(signature), 'Valid')
    signature.writeUInt8(signature.readUInt8(9) ^ 1, 9)
    assert.equal(await checked(signature), 'Invalid')
    // In parts, and by a private key that came as PKCS#8 and leaves as its bytes alone.
    const { UniqueIdentifier: brought } = await register('PrivateKey', algorithm, 'PKCS_8', 3, pkcs8)
    const begun = await session.ask('3.0', 'Sign', { UniqueIdentifier: brought, Data, InitIndicator: true })
    const ended = await session.ask('3.0', 'Sign', {
      UniqueIdentifier: brought,
      Data,
      FinalIndicator: true,
      CorrelationValue: begun.CorrelationValue,
    })
    assert.ok(ended.SignatureData)
    assert.ok(verify(null, Buffer.concat([Data, Data]), theirs.publicKey, ended.SignatureData))
    const { PrivateKey } = await session.ask('3.0', 'Get', {
      UniqueIdentifier: brought,
      KeyFormatType: 'Raw',
    })
    const raw = materialOf(PrivateKey?.KeyBlock)
    const again = await register('PrivateKey', algorithm, 'Raw', 3, raw)
    const last = await session.ask('3.0', 'Sign', { UniqueIdentifier: again.UniqueIdentifier, Data })
    assert.ok(last.SignatureData && verify(null, Data, theirs.publicKey, last.SignatureData))
    const short = await session.one('3.0', {
      operation: 'Register',
      request: {
        ObjectType: 'PrivateKey',
        Attributes: attributes({ CryptographicUsageMask: 3 }),
        PrivateKey: {
          KeyBlock: {
            KeyFormatType: 'Raw',
            KeyValue: { KeyMaterial: raw.subarray(1) },
            CryptographicAlgorithm: algorithm,
          },
        },
      } as never,
    })
    assert.equal(short.reason, 'InvalidField', short.message)
  })

test('a version without the algorithm sees the key without it, and asks for none', async () => {
  const { own, open } = await pair('ML_DSA_65', { CryptographicLength: 65 })
  for (const version of ['1.4', '2.1'] as const) {
    const { PublicKey } = await session.ask(version, 'Get', { UniqueIdentifier: open })
    assert.equal(PublicKey?.KeyBlock.CryptographicAlgorithm, undefined)
    assert.equal(PublicKey?.KeyBlock.KeyFormatType, 'X_509')
    const Data = Buffer.from('old')
    const { SignatureData } = await session.ask(version, 'Sign', { UniqueIdentifier: own, Data })
    const checked = await session.ask(version, 'SignatureVerify', {
      UniqueIdentifier: open,
      Data,
      SignatureData,
    })
    assert.equal(checked.ValidityIndicator, 'Valid')
  }
  const { Attributes } = await session.ask('2.1', 'GetAttributes', {
    UniqueIdentifier: own,
    AttributeName: [],
    AttributeReference: ['CryptographicAlgorithm', 'CryptographicLength'],
  })
  assert.deepEqual(said(Attributes), { CryptographicLength: 65 })
  const unknown = await session.one('2.1', {
    operation: 'Encapsulate',
    request: { UniqueIdentifier: open },
  } as never)
  assert.equal(unknown.reason, 'OperationNotSupported')
})

test('the audit names the key, and the secret that came of it', async () => {
  const { own, open } = await pair('ML_KEM_512')
  const made = await session.ask('3.0', 'Encapsulate', { UniqueIdentifier: open })
  const found = await session.ask('3.0', 'Decapsulate', { UniqueIdentifier: own, Data: made.Data })
  const { entries } = await server.admin.call(auditRoutes.listAudit, { query: { limit: 100 } })
  const newest = (action: string) => entries.find((entry) => entry.action === action)
  const [making, finding] = [newest('key.encapsulate'), newest('key.decapsulate')]
  assert.deepEqual([making?.object, making?.detail], [open, { secret: made.UniqueIdentifier }])
  assert.deepEqual([finding?.object, finding?.detail], [own, { secret: found.UniqueIdentifier }])
})
