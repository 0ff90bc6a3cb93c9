// Certify and Re-certify (KMIP 1.4 §4.7, §4.8) through the mTLS listener, with CAs whose keys are objects of the instance.

import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import {
  bitString,
  identifier,
  nothing,
  sequence,
  set,
  tagged,
  unsigned,
  writeDer,
} from '../../../src/core/crypto/der.ts'
import type { Request, Response } from '../../../src/wire/kmip/operations.ts'
import { readPaste } from '../../../src/core/pki/paste.ts'
import { makeRequest } from '../../../src/core/pki/make-request.ts'
import {
  attribute,
  batch,
  nameAttribute,
  served,
  template,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'

let server: RunningServer
let session: KmipSession
useServer((running, opened) => {
  server = running
  session = opened
})

const usage = { Sign: 1, Verify: 2, CertificateSign: 0x1000 } as const
const day = 86_400

type Made = Response<'CreateKeyPair'>

async function pair(
  name: string,
  how: readonly WireAttribute[],
  masks: readonly [number, number] = [usage.Sign, usage.Verify],
): Promise<Made> {
  const half = (own: string, mask: number) =>
    template([nameAttribute(`${name} ${own}`), attribute('Cryptographic Usage Mask', mask)]).TemplateAttribute
  return session.ask('1.4', 'CreateKeyPair', {
    CommonTemplateAttribute: { Name: [], Attribute: how },
    PrivateKeyTemplateAttribute: half('private', masks[0]),
    PublicKeyTemplateAttribute: half('public', masks[1]),
  })
}

const p256 = [attribute('Cryptographic Algorithm', 'ECDSA'), attribute('Cryptographic Length', 256)]
const link = (LinkType: string, LinkedObjectIdentifier: string) =>
  attribute('Link', { LinkType, LinkedObjectIdentifier })
const issuedBy = (id: string) => link('CertificateLink', id)

/** A CA of the instance: the identifiers of its certificate and of its private key. */
async function authority(name: string, how: readonly WireAttribute[] = p256) {
  const made = await pair(name, how, [usage.CertificateSign, usage.CertificateSign])
  await session.ask('1.4', 'Activate', { UniqueIdentifier: made.PrivateKeyUniqueIdentifier })
  const request = { UniqueIdentifier: made.PublicKeyUniqueIdentifier, ...template([nameAttribute(name)]) }
  const { UniqueIdentifier: certificate } = await session.ask('1.4', 'Certify', request)
  return {
    certificate,
    privateKey: made.PrivateKeyUniqueIdentifier,
    publicKey: made.PublicKeyUniqueIdentifier,
  }
}

async function stored(UniqueIdentifier: string): Promise<X509Certificate> {
  const { Certificate } = await session.ask('1.4', 'Get', { UniqueIdentifier })
  return new X509Certificate(Certificate?.CertificateValue ?? assert.fail())
}

async function registeredKey(spki: Buffer, more: readonly WireAttribute[] = []): Promise<string> {
  const request = {
    ObjectType: 'PublicKey',
    ...template([attribute('Cryptographic Usage Mask', usage.Verify), ...more]),
    PublicKey: { KeyBlock: { KeyFormatType: 'X_509', KeyValue: { KeyMaterial: spki } } },
  } as unknown as Request<'Register'>
  return (await session.ask('1.4', 'Register', request)).UniqueIdentifier
}

async function requested(commonName: string, names: readonly string[] = []) {
  const { request, privateKey } = await makeRequest({ commonName, names })
  const spki = createPublicKey(createPrivateKey(privateKey)).export({ format: 'der', type: 'spki' })
  const [der] = readPaste(request, 'certificate request')
  return { pem: Buffer.from(request), der: der ?? assert.fail(), publicKey: await registeredKey(spki) }
}

const linksOf = async (id: string) =>
  (await session.values('1.4', id, 'Link')) as { LinkType: string; LinkedObjectIdentifier: string }[]

/** As text. */
const told = async (id: string) =>
  (await linksOf(id)).map((one) => `${one.LinkType} ${one.LinkedObjectIdentifier}`)

test('a pair that may sign certificates gets a CA of its own, which issues for requests in PEM and PKCS#10', async () => {
  const rsa = [attribute('Cryptographic Algorithm', 'RSA'), attribute('Cryptographic Length', 2048)]
  const ca = await authority('Issuing CA', rsa)
  const root = await stored(ca.certificate)
  assert.deepEqual([root.ca, root.subject, root.verify(root.publicKey)], [true, 'CN=Issuing CA', true])
  for (const version of served) {
    const { pem, der, publicKey } = await requested(`host-${version}`, ['db.example', '192.0.2.1'])
    const [CertificateRequestType, CertificateRequest] =
      version === '1.0' ? (['PEM', pem] as const) : (['PKCS_10', der] as const)
    const { UniqueIdentifier } = await session.ask(version, 'Certify', {
      UniqueIdentifier: publicKey,
      CertificateRequestType,
      CertificateRequest,
      ...template([issuedBy(ca.certificate), nameAttribute(`certificate ${version}`)]),
    })
    const leaf = await stored(UniqueIdentifier)
    assert.deepEqual(
      [leaf.ca, leaf.subject, leaf.issuer, leaf.checkIssued(root), leaf.verify(root.publicKey)],
      [false, `CN=host-${version}`, 'CN=Issuing CA', true, true],
    )
    assert.equal(leaf.subjectAltName, 'DNS:db.example, IP Address:192.0.2.1')
    assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'])
    const links = await linksOf(UniqueIdentifier)
    assert.deepEqual(
      new Set(links.map((one) => `${one.LinkType} ${one.LinkedObjectIdentifier}`)),
      new Set([`CertificateLink ${ca.certificate}`, `PublicKeyLink ${publicKey}`]),
    )
    assert.deepEqual(await linksOf(publicKey), [
      { LinkType: 'CertificateLink', LinkedObjectIdentifier: UniqueIdentifier },
    ])
    const chain = { Certificate: [], UniqueIdentifier: [UniqueIdentifier, ca.certificate] }
    assert.deepEqual(await session.ask(version, 'Validate', chain), { ValidityIndicator: 'Valid' })
    if (version === '1.4')
      assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Certificate Subject CN'), ['host-1.4'])
  }
  const { entries } = await server.admin.call(auditRoutes.listInstanceAudit, {
    instance: 'default',
    query: { object: ca.privateKey },
  })
  const signed = entries.filter(({ action }) => action === 'key.sign')
  assert.equal(signed.length, 1 + served.length, 'each use of the CA’s key has an entry')
})

test('without a request the attributes say the subject and the dates, within those of the issuer', async () => {
  for (const [name, how] of [
    ['P-384', [attribute('Cryptographic Algorithm', 'ECDSA'), attribute('Cryptographic Length', 384)]],
    ['P-521', [attribute('Cryptographic Algorithm', 'EC'), attribute('Cryptographic Length', 521)]],
  ] as const) {
    const ca = await authority(`${name} CA`, how)
    const root = await stored(ca.certificate)
    const { PublicKeyUniqueIdentifier } = await pair(`${name} leaf`, p256)
    const now = Math.floor(Date.now() / 1000)
    const { UniqueIdentifier } = await session.ask('1.4', 'Certify', {
      UniqueIdentifier: PublicKeyUniqueIdentifier,
      ...template([
        issuedBy(ca.certificate),
        attribute('Certificate Subject CN', 'leaf'),
        attribute('Certificate Subject C', 'DE'),
        attribute('Certificate Subject O', 'Müller & Söhne'),
        attribute('Activation Date', BigInt(now + day)),
        attribute('Deactivation Date', BigInt(now + 30 * day)),
      ]),
    })
    const leaf = await stored(UniqueIdentifier)
    assert.equal(leaf.subject, 'C=DE\nO=Müller & Söhne\nCN=leaf')
    assert.ok(leaf.verify(root.publicKey))
    assert.deepEqual(
      [leaf.validFromDate.getTime() / 1000, leaf.validToDate.getTime() / 1000],
      [now + day, now + 30 * day],
    )
    assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'State'), ['PreActive'])
    const { UniqueIdentifier: long } = await session.ask('1.4', 'Certify', {
      UniqueIdentifier: PublicKeyUniqueIdentifier,
      ...template([issuedBy(ca.certificate), attribute('Deactivation Date', BigInt(now + 99_999 * day))]),
    })
    const capped = await stored(long)
    assert.deepEqual([capped.validTo, capped.subject], [root.validTo, `CN=${name} leaf public`])
    assert.equal((await linksOf(PublicKeyUniqueIdentifier)).length, 3, 'the private key and two certificates')
  }
})

test('what is asked wrongly, and by whom it may not be signed, is refused and makes nothing', async () => {
  const ca = await authority('Careful CA')
  const { der, publicKey } = await requested('careful')
  const { PublicKeyUniqueIdentifier: other } = await pair('other', p256)
  const leafOnly = await pair('not a CA', p256)
  const { UniqueIdentifier: leaf } = await session.ask('1.4', 'Certify', {
    UniqueIdentifier: leafOnly.PublicKeyUniqueIdentifier,
    ...template([issuedBy(ca.certificate)]),
  })
  const idle = await pair('idle', p256, [usage.CertificateSign, usage.CertificateSign])
  const without = await pair('without', p256, [usage.Sign, usage.CertificateSign])
  for (const { PrivateKeyUniqueIdentifier: UniqueIdentifier } of [without])
    await session.ask('1.4', 'Activate', { UniqueIdentifier })
  const altered = Buffer.from(der)
  altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1
  const by = template([issuedBy(ca.certificate)])
  const pkcs10 = { CertificateRequestType: 'PKCS_10', CertificateRequest: der } as const
  const secondAgo = BigInt(Math.floor(Date.now() / 1000) - 1)
  const cases: readonly (readonly [string, Request<'Certify'>])[] = [
    ['InvalidField', { UniqueIdentifier: publicKey, CertificateRequest: der, ...by }],
    [
      'FeatureNotSupported',
      { UniqueIdentifier: publicKey, ...pkcs10, CertificateRequestType: 'CRMF', ...by },
    ],
    ['InvalidField', { UniqueIdentifier: publicKey, ...pkcs10, CertificateRequest: altered, ...by }],
    [
      'InvalidField',
      { UniqueIdentifier: publicKey, ...pkcs10, CertificateRequest: Buffer.from('no'), ...by },
    ],
    ['InvalidField', { UniqueIdentifier: other, ...pkcs10, ...by }],
    ['InvalidField', { UniqueIdentifier: publicKey, ...pkcs10 }],
    ['InvalidField', { UniqueIdentifier: publicKey, ...pkcs10, ...template([issuedBy(leaf)]) }],
    ['InvalidField', { UniqueIdentifier: publicKey, ...by }],
    ['PermissionDenied', { UniqueIdentifier: ca.certificate, ...pkcs10, ...by }],
    ['ItemNotFound', { UniqueIdentifier: publicKey, ...pkcs10, ...template([issuedBy('nobody')]) }],
    ['PermissionDenied', { UniqueIdentifier: publicKey, ...pkcs10, ...template([issuedBy(publicKey)]) }],
    ['PermissionDenied', { UniqueIdentifier: idle.PublicKeyUniqueIdentifier }],
    ['PermissionDenied', { UniqueIdentifier: without.PublicKeyUniqueIdentifier }],
    [
      'InvalidField',
      {
        UniqueIdentifier: publicKey,
        ...pkcs10,
        ...template([issuedBy(ca.certificate), attribute('Deactivation Date', 1000n)]),
      },
    ],
    [
      'InvalidField',
      {
        UniqueIdentifier: publicKey,
        ...pkcs10,
        ...template([issuedBy(ca.certificate), attribute('Deactivation Date', secondAgo)]),
      },
    ],
  ]
  for (const [index, [reason, request]] of cases.entries())
    assert.equal(await session.refused('1.4', 'Certify', request), reason, String(index))
  assert.deepEqual(await session.values('1.4', publicKey, 'Link'), [])
  const code = { RevocationReasonCode: 'KeyCompromise' } as const
  await session.ask('1.4', 'Revoke', { UniqueIdentifier: publicKey, RevocationReason: code })
  const asked = { UniqueIdentifier: publicKey, ...pkcs10, ...by }
  assert.equal(await session.refused('1.4', 'Certify', asked), 'PermissionDenied', 'compromised')
  await session.ask('1.4', 'Revoke', { UniqueIdentifier: ca.privateKey, RevocationReason: code })
  const late = { UniqueIdentifier: other, ...by }
  assert.equal(await session.refused('1.4', 'Certify', late), 'PermissionDenied', 'the CA is compromised')
})

test('a request that would take long to parse is refused before that', async () => {
  const { publicKey } = await requested('long')
  const attributes = Array.from({ length: 3000 }, (_, index) =>
    sequence(identifier(`1.2.3.${String(index)}`), set(nothing)),
  )
  const info = sequence(unsigned(Buffer.of(0)), sequence(), sequence(), tagged(0, ...attributes))
  const algorithm = sequence(identifier('1.2.840.10045.4.3.2'))
  const CertificateRequest = writeDer(sequence(info, algorithm, bitString(Buffer.alloc(8))))
  const request = {
    UniqueIdentifier: publicKey,
    CertificateRequestType: 'PKCS_10',
    CertificateRequest,
  } as const
  const told = await session.one('1.4', { operation: 'Certify', request })
  assert.match(told.message ?? '', /too many elements/)
})

/** The results of the acts on an object, the newest first. */
async function audited(object: string, action: string): Promise<readonly string[]> {
  const query = { object, action } as const
  const { entries } = await server.admin.call(auditRoutes.listInstanceAudit, { instance: 'default', query })
  return entries.map(({ result }) => result)
}

test('a CA certificate that leads to the key of another one issues nothing', async () => {
  const [ca, other] = [await authority('True CA'), await authority('Other CA')]
  const { Certificate } = await session.ask('1.4', 'Get', { UniqueIdentifier: ca.certificate })
  const request = {
    ObjectType: 'Certificate',
    ...template([
      attribute('Cryptographic Usage Mask', usage.CertificateSign),
      link('PrivateKeyLink', other.privateKey),
    ]),
    Certificate,
  } as unknown as Request<'Register'>
  const { UniqueIdentifier: crossed } = await session.ask('1.4', 'Register', request)
  const { PublicKeyUniqueIdentifier } = await pair('crossed', p256)
  const asked = { UniqueIdentifier: PublicKeyUniqueIdentifier, ...template([issuedBy(crossed)]) }
  assert.equal(await session.refused('1.4', 'Certify', asked), 'InvalidField')
  // The other CA has signed by then: the audit says that this was undone, and which act was refused.
  assert.deepEqual(await audited(PublicKeyUniqueIdentifier, 'certificate.certify'), ['refused'])
  assert.deepEqual((await audited(other.privateKey, 'key.sign'))[0], 'undone')
})

test('a CA certificate whose links lead back to itself, or to another certificate, issues nothing', async () => {
  const ca = await authority('Circular CA')
  const { Certificate } = await session.ask('1.4', 'Get', { UniqueIdentifier: ca.certificate })
  const { PublicKeyUniqueIdentifier: UniqueIdentifier } = await pair('circular', p256)
  const registered = async (more: readonly WireAttribute[]) => {
    const request = {
      ObjectType: 'Certificate',
      ...template([attribute('Cryptographic Usage Mask', usage.CertificateSign), ...more]),
      Certificate,
    } as unknown as Request<'Register'>
    return (await session.ask('1.4', 'Register', request)).UniqueIdentifier
  }
  const own = await registered([])
  const Attribute = link('PublicKeyLink', own)
  await session.ask('1.4', 'AddAttribute', { UniqueIdentifier: own, Attribute })
  const other = await registered([link('PublicKeyLink', ca.certificate)])
  for (const issuer of [own, other]) {
    const asked = { UniqueIdentifier, ...template([issuedBy(issuer)]) }
    assert.equal(await session.refused('1.4', 'Certify', asked), 'ItemNotFound')
  }
})

test('a certificate is renewed with its names, subject, alternative names and issuer, and gives way', async () => {
  const ca = await authority('Own CA')
  const root = await stored(ca.certificate)
  const { der, publicKey } = await requested('renewed', ['renewed.example'])
  const now = Math.floor(Date.now() / 1000)
  const { UniqueIdentifier: old } = await session.ask('1.4', 'Certify', {
    UniqueIdentifier: publicKey,
    CertificateRequestType: 'PKCS_10',
    CertificateRequest: der,
    ...template([
      issuedBy(ca.certificate),
      nameAttribute('renewed certificate'),
      attribute('Activation Date', BigInt(now - 10)),
      attribute('Deactivation Date', BigInt(now + 90 * day)),
    ]),
  })
  const { UniqueIdentifier: fresh } = await session.ask('1.4', 'ReCertify', {
    UniqueIdentifier: old,
    Offset: 5 * day,
  })
  const [before, after] = [await stored(old), await stored(fresh)]
  assert.deepEqual(
    [after.subject, after.subjectAltName, after.verify(root.publicKey)],
    [before.subject, 'DNS:renewed.example', true],
  )
  assert.notEqual(after.serialNumber, before.serialNumber)
  assert.ok(after.publicKey.equals(before.publicKey))
  const [activation] = (await session.values('1.4', fresh, 'Activation Date')) as [bigint]
  assert.ok(Math.abs(Number(activation) - (now + 5 * day)) <= 60)
  assert.deepEqual(await session.values('1.4', fresh, 'Deactivation Date'), [
    activation + BigInt(90 * day + 10),
  ])
  assert.equal(after.validToDate.getTime() / 1000, Number(activation) + 90 * day + 10)
  const name = { NameValue: 'renewed certificate', NameType: 'UninterpretedTextString' }
  assert.deepEqual(await session.values('1.4', fresh, 'Name'), [name])
  assert.deepEqual(await session.values('1.4', old, 'Name'), [])
  assert.ok((await told(old)).includes(`ReplacementObjectLink ${fresh}`))
  assert.ok((await told(fresh)).includes(`ReplacedObjectLink ${old}`))
  assert.deepEqual(await told(publicKey), [`CertificateLink ${fresh}`])
  assert.equal(await session.refused('1.4', 'ReCertify', { UniqueIdentifier: old }), 'PermissionDenied')
  const { der: foreign } = await requested('foreign')
  const other = { CertificateRequestType: 'PKCS_10', CertificateRequest: foreign } as const
  assert.equal(
    await session.refused('1.4', 'ReCertify', { UniqueIdentifier: fresh, ...other }),
    'InvalidField',
  )
})

test('a CA of this instance renews its own certificate, and what it issued still holds', async () => {
  const { certificate: old, publicKey } = await authority('Lasting CA')
  const before = await stored(old)
  const { UniqueIdentifier: fresh } = await session.ask('1.4', 'ReCertify', { UniqueIdentifier: old })
  const after = await stored(fresh)
  assert.deepEqual([after.ca, after.subject, after.issuer], [true, before.subject, before.subject])
  assert.ok(after.verify(before.publicKey) && after.serialNumber !== before.serialNumber)
  assert.ok((await told(old)).includes(`ReplacementObjectLink ${fresh}`))
  assert.ok((await told(publicKey)).includes(`CertificateLink ${fresh}`))
})

test('a certificate from elsewhere is renewed by an issuer that the request names', async () => {
  const ca = await authority('Taking CA')
  const { certificate } = await authority('Left CA')
  const { Certificate } = await session.ask('1.4', 'Get', { UniqueIdentifier: certificate })
  const request = {
    ObjectType: 'Certificate',
    ...template([attribute('Cryptographic Usage Mask', usage.Verify)]),
    Certificate,
  } as unknown as Request<'Register'>
  const { UniqueIdentifier } = await session.ask('1.4', 'Register', request)
  assert.equal(await session.refused('1.4', 'ReCertify', { UniqueIdentifier }), 'InvalidField')
  const asked = { UniqueIdentifier, ...template([issuedBy(ca.certificate)]) }
  const { UniqueIdentifier: fresh } = await session.ask('1.4', 'ReCertify', asked)
  const renewed = await stored(fresh)
  assert.deepEqual([renewed.ca, renewed.subject, renewed.issuer], [false, 'CN=Left CA', 'CN=Taking CA'])
})

test('Certify may be answered later, and Undo takes it back', async () => {
  const ca = await authority('Later CA')
  const { PublicKeyUniqueIdentifier: UniqueIdentifier } = await pair('later', p256)
  const request = { UniqueIdentifier, ...template([issuedBy(ca.certificate)]) }
  const AsynchronousCorrelationValue = await session.pending('1.4', { operation: 'Certify', request })
  const made = await session.polled('1.4', 'Certify', { AsynchronousCorrelationValue })
  assert.equal((await stored(made.UniqueIdentifier)).issuer, 'CN=Later CA')
  const undone = batch(
    { operation: 'Certify', request },
    { operation: 'Get', request: { UniqueIdentifier: 'no' } },
  )
  await session.send('1.4', undone, { batchErrorContinuationOption: 'Undo' })
  assert.equal(
    (await linksOf(UniqueIdentifier)).filter((one) => one.LinkType === 'CertificateLink').length,
    1,
  )
})

const of = (attributes: Record<string, unknown>) => ({ Attribute: [], ...attributes })

test('2.x: a certificate request that is an object here is certified by its identifier, and renews a certificate', async () => {
  const ca = await authority('CA of stored requests')
  const byCa = { Link: [{ LinkType: 'CertificateLink', LinkedObjectIdentifier: ca.certificate }] }
  const { der, publicKey } = await requested('stored-request')
  const kept = async (attributes: Record<string, unknown>) =>
    session.ask('2.1', 'Register', {
      ObjectType: 'CertificateRequest',
      Attributes: of(attributes),
      CertificateRequest: { CertificateRequestType: 'PKCS_10', CertificateRequestValue: der },
    })
  const alone = await kept({})
  const linked = await kept({ Link: [{ LinkType: 'PublicKeyLink', LinkedObjectIdentifier: publicKey }] })
  const certify = (request: Partial<Request<'Certify'>>) =>
    session.ask('2.1', 'Certify', { Attributes: of(byCa), ...request })
  const first = await certify(alone)
  assert.deepEqual(await told(first.UniqueIdentifier), [`CertificateLink ${ca.certificate}`])
  const second = await certify(linked)
  assert.ok((await told(second.UniqueIdentifier)).includes(`PublicKeyLink ${publicKey}`))
  assert.deepEqual(await told(publicKey), [`CertificateLink ${second.UniqueIdentifier}`])
  const sent = { CertificateRequestType: 'PKCS_10', CertificateRequestValue: der } as const
  const third = await certify(sent)
  for (const { UniqueIdentifier } of [first, second, third])
    assert.equal((await stored(UniqueIdentifier)).subject, 'CN=stored-request')
  const renewed = await session.ask('2.1', 'ReCertify', {
    UniqueIdentifier: second.UniqueIdentifier,
    CertificateRequestUniqueIdentifier: alone.UniqueIdentifier,
  })
  assert.equal((await stored(renewed.UniqueIdentifier)).subject, 'CN=stored-request')
  assert.deepEqual(await told(publicKey), [`CertificateLink ${renewed.UniqueIdentifier}`])
  const refused = (request: Partial<Request<'Certify'>>) =>
    session.refused('2.1', 'Certify', { Attributes: of(byCa), ...request })
  assert.equal(await refused({ ...alone, ...sent }), 'InvalidField')
  assert.equal(await refused({}), 'ObjectNotFound')
  assert.equal(await session.refused('2.1', 'Certify', alone), 'InvalidField')
  const again = { UniqueIdentifier: renewed.UniqueIdentifier, ...sent } as const
  const two = { ...again, CertificateRequestUniqueIdentifier: alone.UniqueIdentifier } as const
  assert.equal(await session.refused('2.1', 'ReCertify', two), 'InvalidField')
  const other = await session.refused('2.1', 'ReCertify', {
    UniqueIdentifier: renewed.UniqueIdentifier,
    CertificateRequestUniqueIdentifier: publicKey,
  })
  assert.equal(other, 'InvalidObjectType')
  const last = await session.ask('2.1', 'ReCertify', again)
  assert.deepEqual(await told(publicKey), [`CertificateLink ${last.UniqueIdentifier}`])
})

test('a CA may be valid to the last second of the year 9999, and no longer (RFC 5280 §4.1.2.5.2)', async () => {
  const lastSecond = 253_402_300_799n
  const { PrivateKeyUniqueIdentifier, PublicKeyUniqueIdentifier } = await pair('endless', p256, [
    usage.CertificateSign,
    usage.CertificateSign,
  ])
  await session.ask('1.4', 'Activate', { UniqueIdentifier: PrivateKeyUniqueIdentifier })
  const until = (date: bigint) => ({
    UniqueIdentifier: PublicKeyUniqueIdentifier,
    ...template([nameAttribute(`endless ${date}`), attribute('Deactivation Date', date)]),
  })
  for (const date of [lastSecond + 1n, -1n])
    assert.equal(await session.refused('1.4', 'Certify', until(date)), 'InvalidField')
  const { UniqueIdentifier } = await session.ask('1.4', 'Certify', until(lastSecond))
  assert.equal((await stored(UniqueIdentifier)).validToDate.getTime(), Number(lastSecond) * 1000)
})
