// Every type of object through the mTLS listener (KMIP 1.4 §2.2): registered, found, given back in its formats, destroyed; and
// the attributes that the server finds out.

import assert from 'node:assert/strict'
import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { before, test } from 'node:test'
import type { KeyBlock } from '../../../src/wire/kmip/objects.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { atLeast } from '../../../src/wire/kmip/version.ts'
import { makeAuthority, signRequest } from '../../../src/core/pki/issue.ts'
import { makeRequest } from '../../../src/core/pki/make-request.ts'
import {
  attribute,
  attributesOf,
  locate,
  nameAttribute,
  served,
  template,
  text,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

const der = { format: 'der' } as const
const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const pkcs1 = rsa.privateKey.export({ ...der, type: 'pkcs1' })
const pkcs8 = rsa.privateKey.export({ ...der, type: 'pkcs8' })
const spki = rsa.publicKey.export({ ...der, type: 'spki' })
const sec1 = ec.privateKey.export({ ...der, type: 'sec1' })

type Registered = Request<'Register'>

function object(
  type: 'PrivateKey' | 'PublicKey',
  block: Partial<KeyBlock>,
  more: readonly WireAttribute[] = [],
) {
  const wanted = template([attribute('Cryptographic Usage Mask', 1), ...more])
  return { ObjectType: type, ...wanted, [type]: { KeyBlock: block } } as unknown as Registered
}

const keyOf = (format: string, bytes: unknown) =>
  ({ KeyFormatType: format, KeyValue: { KeyMaterial: bytes } }) as unknown as Partial<KeyBlock>

for (const version of served)
  test(`${version}: a private and a public key come back in every format that they have, and tell what they are`, async () => {
    const bytes = { privateKey: Buffer.from(pkcs8), publicKey: Buffer.from(spki) }
    const { UniqueIdentifier: own } = await session.ask(
      version,
      'Register',
      object('PrivateKey', keyOf('PKCS_8', bytes.privateKey)),
    )
    const link = attribute('Link', { LinkType: 'PrivateKeyLink', LinkedObjectIdentifier: own })
    const { UniqueIdentifier: open } = await session.ask(
      version,
      'Register',
      object('PublicKey', keyOf('X_509', bytes.publicKey), [link]),
    )
    const found = await session.ask(version, 'Locate', locate([link]))
    assert.deepEqual(found.UniqueIdentifier, [open])
    const given = async (UniqueIdentifier: string, KeyFormatType?: KeyBlock['KeyFormatType']) => {
      const { PrivateKey, PublicKey } = await session.ask(version, 'Get', { UniqueIdentifier, KeyFormatType })
      const block = (PrivateKey ?? PublicKey)?.KeyBlock
      assert.deepEqual([block?.CryptographicAlgorithm, block?.CryptographicLength], ['RSA', 1024])
      const value = block?.KeyValue
      return value instanceof Uint8Array ? value : value?.KeyMaterial
    }
    assert.deepEqual(await given(own), pkcs8)
    assert.deepEqual(await given(own, 'PKCS_1'), pkcs1)
    assert.deepEqual(await given(open, 'X_509'), spki)
    assert.deepEqual(await given(open, 'PKCS_1'), rsa.publicKey.export({ ...der, type: 'pkcs1' }))
    const material = await given(own, 'TransparentRSAPrivateKey')
    assert.ok(material && !(material instanceof Uint8Array) && 'Modulus' in material)
    assert.equal(material.PublicExponent, 65537n)
    assert.equal(
      await session.refused(version, 'Get', { UniqueIdentifier: own, KeyFormatType: 'ECPrivateKey' }),
      'KeyFormatTypeNotSupported',
    )
    assert.deepEqual(await session.values(version, own, 'State'), ['PreActive'])
    const [digest] = (await session.values(version, own, 'Digest')) as [{ DigestValue: Buffer }]
    assert.deepEqual(digest.DigestValue, createHash('sha256').update(pkcs8).digest())
    for (const UniqueIdentifier of [own, open]) await session.ask(version, 'Destroy', { UniqueIdentifier })
  })

test('a key on a curve is for what its client says, and its curve becomes an attribute', async () => {
  const asked = object('PrivateKey', keyOf('ECPrivateKey', Buffer.from(sec1)), [
    attribute('Cryptographic Algorithm', 'ECDSA'),
    attribute('Cryptographic Length', 256),
  ])
  const { UniqueIdentifier } = await session.ask('1.4', 'Register', asked)
  assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Cryptographic Algorithm'), ['ECDSA'])
  assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Cryptographic Domain Parameters'), [
    { RecommendedCurve: 'P_256' },
  ])
  const { PrivateKey } = await session.ask('1.4', 'Get', { UniqueIdentifier, KeyFormatType: 'PKCS_8' })
  const value = PrivateKey?.KeyBlock.KeyValue
  assert.ok(value && !(value instanceof Uint8Array) && value.KeyMaterial instanceof Uint8Array)
  const key = Buffer.from(value.KeyMaterial)
  assert.ok(createPrivateKey({ key, format: 'der', type: 'pkcs8' }).equals(ec.privateKey))
})

test('an Ed25519 key is kept for versions that cannot name its algorithm', async () => {
  const ed = generateKeyPairSync('ed25519').privateKey.export({ ...der, type: 'pkcs8' })
  const { UniqueIdentifier } = await session.ask('1.2', 'Register', object('PrivateKey', keyOf('PKCS_8', ed)))
  const { PrivateKey } = await session.ask('1.2', 'Get', { UniqueIdentifier })
  assert.deepEqual(PrivateKey?.KeyBlock.KeyValue, { KeyMaterial: ed, Attribute: [] })
  assert.equal(PrivateKey.KeyBlock.CryptographicAlgorithm, undefined)
})

test('a damaged or contradicted key is an Invalid Field, whatever is wrong with it', async () => {
  const asPrivate = (format: string, bytes: unknown, more: readonly WireAttribute[] = []) =>
    object('PrivateKey', keyOf(format, bytes), more)
  const bad: readonly Registered[] = [
    asPrivate('PKCS_8', pkcs8.subarray(0, -1)),
    asPrivate('PKCS_8', Buffer.from('-----BEGIN PRIVATE KEY-----')),
    asPrivate('PKCS_1', sec1),
    asPrivate('ECPrivateKey', pkcs1),
    object('PublicKey', keyOf('X_509', pkcs8)),
    object('PublicKey', {}),
    asPrivate('PKCS_8', pkcs8, [attribute('Cryptographic Algorithm', 'DSA')]),
    asPrivate('PKCS_8', pkcs8, [attribute('Cryptographic Length', 2048)]),
    asPrivate('TransparentRSAPrivateKey', { Modulus: 1n << 1023n, P: 3n, Q: 5n, PublicExponent: 3n }),
    asPrivate('TransparentRSAPublicKey', { Modulus: 1n << 1023n, PublicExponent: 3n }),
    object(
      'PublicKey',
      keyOf('TransparentECPublicKey', { RecommendedCurve: 'P_256', QString: Buffer.alloc(65, 4) }),
    ),
  ]
  for (const request of bad.slice(0, 5).concat(bad.slice(6)))
    assert.equal(await session.refused('1.4', 'Register', request), 'InvalidField')
  // A container needs the link to its password.
  assert.equal(await session.refused('1.4', 'Register', asPrivate('PKCS_12', pkcs8)), 'InvalidField')
})

// ---------------------------------------------------------------- Certificates

let certificate: X509Certificate

before(async () => {
  const ca = await makeAuthority({ commonName: 'Issuer, of tests', nowMs: Date.now() })
  const { request } = await makeRequest({ commonName: 'Subject' })
  certificate = new X509Certificate((await signRequest({ ca, csr: request, nowMs: Date.now() })).der)
})

for (const version of served)
  test(`${version}: a certificate comes back unchanged, and tells its names, serial number, key and signature`, async () => {
    const CertificateValue = Buffer.from(certificate.raw)
    const request: Registered = {
      ObjectType: 'Certificate',
      ...template([attribute('Cryptographic Usage Mask', 3)]),
      Certificate: { CertificateType: 'X_509', CertificateValue },
    }
    const { UniqueIdentifier } = await session.ask(version, 'Register', request)
    const got = await session.ask(version, 'Get', { UniqueIdentifier })
    assert.deepEqual(got.Certificate, { CertificateType: 'X_509', CertificateValue: certificate.raw })
    const value = async (name: string) => (await session.values(version, UniqueIdentifier, name))[0]
    assert.equal(await value('Certificate Type'), 'X_509')
    assert.equal(await value('Cryptographic Algorithm'), 'RSA')
    assert.deepEqual(await value('Certificate Identifier'), {
      Issuer: 'CN=Issuer\\, of tests',
      SerialNumber: certificate.serialNumber,
    })
    assert.deepEqual(
      ((await value('Digest')) as { DigestValue: Buffer }).DigestValue.toString('hex').length,
      64,
    )
    if (!atLeast(version, '1.1')) return
    assert.equal(await value('Certificate Length'), certificate.raw.length)
    assert.equal(await value('Digital Signature Algorithm'), 'SHA_256WithRSAEncryption')
    const identifier = (await value('X.509 Certificate Identifier')) as Record<string, Buffer>
    assert.ok(certificate.raw.includes(identifier['IssuerDistinguishedName'] ?? Buffer.of()))
    assert.equal(identifier['CertificateSerialNumber']?.toString('hex').slice(0, 2), '02')
    if (atLeast(version, '1.4')) assert.equal(await value('Certificate Issuer CN'), 'Issuer, of tests')
    const wanted = attribute('X.509 Certificate Identifier', identifier)
    assert.ok(
      (await session.ask(version, 'Locate', locate([wanted]))).UniqueIdentifier.includes(UniqueIdentifier),
    )
    await session.ask(version, 'Activate', { UniqueIdentifier })
    assert.equal(await session.refused(version, 'Destroy', { UniqueIdentifier }), 'PermissionDenied')
  })

const certificateOf = (
  CertificateValue: Buffer,
  more: readonly WireAttribute[] = [],
  CertificateType = 'X_509',
) =>
  ({
    ObjectType: 'Certificate',
    ...template(more),
    Certificate: { CertificateType, CertificateValue },
  }) as Registered

test('what is no certificate, or contradicts it, is an Invalid Field; another kind is kept as it is', async () => {
  const { raw } = certificate
  for (const bytes of [Buffer.of(), raw.subarray(0, -1), Buffer.concat([raw, raw]), Buffer.from('PEM')])
    assert.equal(await session.refused('1.4', 'Register', certificateOf(bytes)), 'InvalidField')
  const wrong = [
    attribute('Certificate Length', 5),
    attribute('Cryptographic Algorithm', 'DSA'),
    attribute('Certificate Type', 'PGP'),
  ]
  for (const one of wrong)
    assert.equal(await session.refused('1.4', 'Register', certificateOf(raw, [one])), 'InvalidField')
  const pgp = certificateOf(Buffer.from('any bytes'), [], 'PGP')
  const { UniqueIdentifier } = await session.ask('1.4', 'Register', pgp)
  assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Certificate Length'), [9])
})

// ---------------------------------------------------------------- The others

test('a PGP key and a part of a split key come back with their own fields', async () => {
  const block = { KeyFormatType: 'Raw', KeyValue: { KeyMaterial: Buffer.from('material') } }
  const facts = { SplitKeyParts: 4, KeyPartIdentifier: 2, SplitKeyThreshold: 3 }
  const prime = { SplitKeyMethod: 'PolynomialSharingPrimeField', PrimeFieldSize: 2n ** 127n - 1n }
  const objects = {
    PGPKey: { PGPKeyVersion: 4, KeyBlock: block },
    SplitKey: { ...facts, ...prime, KeyBlock: block },
  }
  for (const [ObjectType, content] of Object.entries(objects)) {
    const request = { ObjectType, ...template([]), [ObjectType]: content } as unknown as Registered
    const { UniqueIdentifier } = await session.ask('1.2', 'Register', request)
    const got = (await session.ask('1.2', 'Get', { UniqueIdentifier })) as unknown as Record<
      string,
      typeof content
    >
    const { KeyBlock, ...fields } = content
    assert.deepEqual(got[ObjectType], {
      ...fields,
      KeyBlock: { ...KeyBlock, KeyValue: { KeyMaterial: Buffer.from('material'), Attribute: [] } },
    })
  }
  for (const unfit of [
    { SplitKeyThreshold: 5 },
    { KeyPartIdentifier: 0 },
    { PrimeFieldSize: 1n << 100_000n },
  ]) {
    const SplitKey = { ...objects.SplitKey, ...unfit }
    const request = { ObjectType: 'SplitKey', ...template([]), SplitKey } as unknown as Registered
    assert.equal(await session.refused('1.2', 'Register', request), 'InvalidField')
  }
})

test('a key that is elsewhere is known by its attributes alone, since 1.2', async () => {
  const where = attribute('Key Value Location', {
    KeyValueLocationValue: 'HSM 1',
    KeyValueLocationType: 'URI',
  })
  const KeyBlock = { KeyFormatType: 'Raw', CryptographicAlgorithm: 'AES', CryptographicLength: 128 } as const
  const request = (more: readonly WireAttribute[]): Registered => ({
    ObjectType: 'SymmetricKey',
    ...template([attribute('Cryptographic Usage Mask', 4), ...more]),
    SymmetricKey: { KeyBlock },
  })
  const { UniqueIdentifier } = await session.ask('1.2', 'Register', request([where]))
  const got = await session.ask('1.2', 'Get', { UniqueIdentifier })
  assert.deepEqual(got.SymmetricKey, { KeyBlock })
  assert.deepEqual(await session.values('1.2', UniqueIdentifier, 'Key Value Present'), [false])
  assert.deepEqual(await session.values('1.2', UniqueIdentifier, 'Digest'), [])
  const absent = await session.ask('1.2', 'Locate', locate([attribute('Key Value Present', false)]))
  assert.deepEqual(absent.UniqueIdentifier, [UniqueIdentifier])
  assert.equal(await session.refused('1.1', 'Register', request([])), 'InvalidField')
})

for (const version of served)
  test(`${version}: a template gives its attributes to new objects, and those of the request go before them`, async () => {
    const name = `template ${version}`
    const content = [
      attribute('Cryptographic Algorithm', 'AES'),
      attribute('Cryptographic Length', 128),
      attribute('Cryptographic Usage Mask', 12),
      attribute('Activation Date', 1000n),
      attribute('Object Group', 'of the template'),
      text('x-Origin', 'template'),
    ]
    const own = [text('x-Own', 'of the template itself'), attribute('Contact Information', 'own')]
    const request = {
      ObjectType: 'Template',
      ...template(own),
      Template: { Attribute: [...content, nameAttribute(name)] },
    } as unknown as Registered
    const { UniqueIdentifier } = await session.ask(version, 'Register', request)
    const got = await session.ask(version, 'Get', { UniqueIdentifier })
    const names = got.Template?.Attribute.map(({ AttributeName }) => AttributeName).toSorted()
    assert.deepEqual(
      names,
      [...content, ...own, nameAttribute(name)].map(({ AttributeName }) => AttributeName).toSorted(),
    )
    assert.deepEqual(await session.values(version, UniqueIdentifier, 'State'), [])
    const asked = [attribute('Cryptographic Length', 256), attribute('Object Group', 'of the request')]
    const Name = [{ NameValue: name, NameType: 'UninterpretedTextString' as const }]
    const TemplateAttribute = { Name, Attribute: asked }
    const made = await session.ask(version, 'Create', { ObjectType: 'SymmetricKey', TemplateAttribute })
    const { Attribute } = await session.ask(version, 'GetAttributes', attributesOf(made.UniqueIdentifier))
    const values = new Map(
      Attribute?.map((one) => [`${one.AttributeName} ${one.AttributeIndex ?? 0}`, one.AttributeValue]),
    )
    assert.equal(values.get('Cryptographic Length 0'), 256)
    assert.equal(values.get('State 0'), 'Active')
    assert.equal(values.get('Contact Information 0'), 'own')
    assert.deepEqual(values.get('x-Own 0'), { type: 'TextString', value: 'of the template itself' })
    assert.deepEqual(
      [values.get('Object Group 0'), values.get('Object Group 1'), values.get('Name 0')],
      ['of the template', 'of the request', undefined],
    )
    const { Template: _, ...without } = request
    assert.equal(await session.refused(version, 'Register', without as Registered), 'InvalidField')
    await session.ask(version, 'Destroy', { UniqueIdentifier })
    const again = { ObjectType: 'SymmetricKey', TemplateAttribute } as const
    assert.equal(await session.refused(version, 'Create', again), 'ItemNotFound', 'a destroyed template')
  })
