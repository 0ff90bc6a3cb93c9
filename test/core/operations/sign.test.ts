// Sign and Signature Verify (KMIP 1.4 §4.31, §4.32) through the mTLS listener: each kind of key and format, digests, parts, and
// what is refused.

import assert from 'node:assert/strict'
import {
  constants,
  createHash,
  generateKeyPairSync,
  randomBytes,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto'
import { test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import {
  attribute,
  template,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_started, opened) => {
  session = opened
})

type Parameters = NonNullable<Request<'Sign'>['CryptographicParameters']>
type Algorithm = 'RSA' | 'EC' | 'Ed25519'

const active = attribute('Activation Date', 0n)
const pss: Parameters = { PaddingMethod: 'PSS', HashingAlgorithm: 'SHA_256', CryptographicAlgorithm: 'RSA' }
const pkcs1: Parameters = { DigitalSignatureAlgorithm: 'SHA_256WithRSAEncryption' }
const Data = randomBytes(50_000)

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' })

async function register(
  key: KeyObject,
  algorithm: Algorithm | undefined,
  more: readonly WireAttribute[] = [active],
): Promise<string> {
  const isPrivate = key.type === 'private'
  const der = isPrivate
    ? key.export({ format: 'der', type: 'pkcs8' })
    : key.export({ format: 'der', type: 'spki' })
  const KeyBlock = {
    KeyFormatType: isPrivate ? 'PKCS_8' : 'X_509',
    KeyValue: { KeyMaterial: der },
    CryptographicAlgorithm: algorithm === 'Ed25519' ? 'EC' : algorithm,
    CryptographicLength: algorithm === 'RSA' ? 2_048 : algorithm === 'EC' ? 384 : 256,
  } as const
  const mask = attribute('Cryptographic Usage Mask', isPrivate ? 1 : 2)
  const { UniqueIdentifier } = await session.ask('1.2', 'Register', {
    ObjectType: isPrivate ? 'PrivateKey' : 'PublicKey',
    ...template([mask, ...more]),
    ...(isPrivate ? { PrivateKey: { KeyBlock } } : { PublicKey: { KeyBlock } }),
  })
  return UniqueIdentifier
}

async function signed(UniqueIdentifier: string, parameters: Parameters | undefined): Promise<Uint8Array> {
  const request = { UniqueIdentifier, CryptographicParameters: parameters, Data }
  const { SignatureData } = await session.ask('1.2', 'Sign', request)
  return SignatureData ?? assert.fail('no signature')
}

async function verdict(
  UniqueIdentifier: string,
  parameters: Parameters | undefined,
  SignatureData: Uint8Array,
): Promise<string | undefined> {
  const request = { UniqueIdentifier, CryptographicParameters: parameters, Data, SignatureData }
  return (await session.ask('1.2', 'SignatureVerify', request)).ValidityIndicator
}

test('RSA: PSS and PKCS#1 v1.5, made and verified', async () => {
  const [own, published] = [await register(rsa.privateKey, 'RSA'), await register(rsa.publicKey, 'RSA')]
  const pssKey = { key: rsa.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING }
  assert.ok(verify('sha256', Data, pssKey, await signed(own, pss)))
  assert.ok(verify('sha256', Data, rsa.publicKey, await signed(own, pkcs1)))
  for (const parameters of [pss, pkcs1]) {
    const right = await signed(own, parameters)
    assert.equal(await verdict(published, parameters, right), 'Valid')
    assert.equal(await verdict(published, parameters, right.with(9, (right[9] ?? 0) ^ 1)), 'Invalid')
    assert.equal(await verdict(published, parameters === pss ? pkcs1 : pss, right), 'Invalid')
  }
})

test('curves: ECDSA with the hash of the curve, and Ed25519', async () => {
  const ed = generateKeyPairSync('ed25519')
  for (const [pair, algorithm, hash] of [
    [ec, 'EC', 'sha384'],
    [ed, 'Ed25519', null],
  ] as const) {
    const [own, published] = [
      await register(pair.privateKey, algorithm),
      await register(pair.publicKey, algorithm),
    ]
    const right = await signed(own, undefined)
    assert.ok(verify(hash, Data, pair.publicKey, right))
    assert.equal(await verdict(published, undefined, right), 'Valid')
    assert.equal(await verdict(published, undefined, randomBytes(64)), 'Invalid')
  }
})

test('a certificate verifies', async () => {
  const { certificate, tls } = await clientCertificate('self-signed')
  const { UniqueIdentifier } = await session.ask('1.2', 'Register', {
    ObjectType: 'Certificate',
    ...template([attribute('Cryptographic Usage Mask', 2), active]),
    Certificate: { CertificateType: 'X_509', CertificateValue: certificate.der },
  })
  const right = sign('sha256', Data, tls.key)
  assert.equal(await verdict(UniqueIdentifier, { HashingAlgorithm: 'SHA_256' }, right), 'Valid')
})

test('a digest in place of the data, since 1.4', async () => {
  const [own, published] = [await register(rsa.privateKey, 'RSA'), await register(rsa.publicKey, 'RSA')]
  const DigestedData = createHash('sha256').update(Data).digest()
  for (const CryptographicParameters of [pss, pkcs1]) {
    const asked = { CryptographicParameters, DigestedData }
    const { SignatureData } = await session.ask('1.4', 'Sign', { UniqueIdentifier: own, ...asked })
    assert.equal(await verdict(published, CryptographicParameters, SignatureData ?? Buffer.of()), 'Valid')
    const verified = { UniqueIdentifier: published, ...asked, SignatureData }
    assert.equal((await session.ask('1.4', 'SignatureVerify', verified)).ValidityIndicator, 'Valid')
  }
  const both = { UniqueIdentifier: own, CryptographicParameters: pss, DigestedData, Data }
  assert.equal(await session.refused('1.4', 'Sign', both), 'InvalidField')
})

test('a digest of the client is signed on curves, as OpenSSL signs the data', async () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const [own, published] = [await register(pair.privateKey, 'EC'), await register(pair.publicKey, 'EC')]
  const asked = { DigestedData: createHash('sha384').update(Data).digest() }
  const { SignatureData } = await session.ask('1.4', 'Sign', { UniqueIdentifier: own, ...asked })
  assert.ok(verify('sha384', Data, pair.publicKey, SignatureData ?? Buffer.of()))
  const checked = async (SignatureData: Uint8Array) =>
    (await session.ask('1.4', 'SignatureVerify', { UniqueIdentifier: published, ...asked, SignatureData }))
      .ValidityIndicator
  assert.equal(await checked(sign('sha384', Data, pair.privateKey)), 'Valid')
  assert.equal(await checked(randomBytes(70)), 'Invalid')
  const named = { CryptographicParameters: { HashingAlgorithm: 'SHA_256' } } as const
  assert.equal(
    await session.refused('1.4', 'Sign', { UniqueIdentifier: own, ...asked, ...named }),
    'InvalidField',
  )
})

test('in parts', async () => {
  const [own, published] = [await register(rsa.privateKey, 'RSA'), await register(rsa.publicKey, 'RSA')]
  const first = { CryptographicParameters: pss, Data: Data.subarray(0, 10), InitIndicator: true }
  const begun = await session.ask('1.3', 'Sign', { UniqueIdentifier: own, ...first })
  assert.equal(begun.SignatureData, undefined)
  const last = { Data: Data.subarray(10), FinalIndicator: true }
  const { SignatureData } = await session.ask('1.3', 'Sign', {
    UniqueIdentifier: own,
    CorrelationValue: begun.CorrelationValue,
    ...last,
  })
  assert.equal(await verdict(published, pss, SignatureData ?? Buffer.of()), 'Valid')
  const verifying = await session.ask('1.3', 'SignatureVerify', { UniqueIdentifier: published, ...first })
  const verified = await session.ask('1.3', 'SignatureVerify', {
    UniqueIdentifier: published,
    CorrelationValue: verifying.CorrelationValue,
    SignatureData,
    ...last,
  })
  assert.equal(verified.ValidityIndicator, 'Valid')
})

test('what is refused', async () => {
  const own = await register(rsa.privateKey, 'RSA')
  const inactive = await register(rsa.privateKey, 'RSA', [])
  const published = await register(rsa.publicKey, 'RSA')
  const symmetric = await session.key('1.2', [active])
  const refused = (UniqueIdentifier: string, CryptographicParameters?: Parameters) =>
    session.refused('1.4', 'Sign', { UniqueIdentifier, CryptographicParameters, Data })
  assert.equal(await refused(inactive, pss), 'PermissionDenied')
  assert.equal(await refused(published, pss), 'PermissionDenied')
  assert.equal(await refused(symmetric, pss), 'PermissionDenied')
  assert.equal(await refused(own), 'InvalidField')
  assert.equal(await refused(own, { ...pkcs1, HashingAlgorithm: 'SHA_512' }), 'InvalidField')
  assert.equal(await refused(own, { PaddingMethod: 'X9_31', HashingAlgorithm: 'SHA_1' }), 'InvalidField')
})

test('a key that may not leave still signs; Usage Limits count', async () => {
  const limits = attribute('Usage Limits', { UsageLimitsTotal: 1n, UsageLimitsUnit: 'Object' })
  const own = await register(ec.privateKey, 'EC', [active, limits])
  assert.ok(verify('sha384', Data, ec.publicKey, await signed(own, undefined)))
  assert.equal(await session.refused('1.4', 'Sign', { UniqueIdentifier: own, Data }), 'PermissionDenied')
})
