// Certify as an act (KMIP 1.4 §4.7): which key gets a certificate, for which subject, of which issuer, and what is refused.

import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { broughtCertificate, broughtObject } from '../../../../src/core/keys/forms/brought-object.ts'
import { linkTo } from '../../../../src/core/keys/object/links.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { makeRequest } from '../../../../src/core/pki/make-request.ts'
import { readPaste } from '../../../../src/core/pki/paste.ts'
import { attributeSet, createKey, faults, name } from '../../../support/server/core.ts'
import { ec, mask, openCertifying } from '../certifying.ts'

const subject = [{ type: 'CN', value: 'leaf' }] as const
/** A request by a key of its own, which is an object of the instance. */
async function requestHere({ perform }: Awaited<ReturnType<typeof openCertifying>>, commonName: string) {
  const { request, privateKey } = await makeRequest({ commonName })
  const KeyMaterial = createPublicKey(createPrivateKey(privateKey)).export({ format: 'der', type: 'spki' })
  const PublicKey = { KeyBlock: { KeyFormatType: 'X_509', KeyValue: { KeyMaterial } } } as const
  const { material } = broughtObject('PublicKey', { PublicKey })
  const attributes = attributeSet({ CryptographicUsageMask: mask('Verify') })
  const publicKey = await perform((work) => work.register({ objectType: 'PublicKey', attributes }, material))
  const [der = Buffer.of()] = readPaste(Buffer.from(request), 'certificate request')
  const keep = (certificateRequestType: 'PKCS_10' | 'PEM' | 'CRMF', more: object = {}) =>
    perform((work) =>
      work.register(
        { objectType: 'CertificateRequest', attributes: attributeSet({ ...more }) },
        {
          bytes: Buffer.from(certificateRequestType === 'PEM' ? request : der),
          head: { certificateRequestType },
        },
      ),
    )
  return { der, publicKey, keep }
}

test('each kind of key that signs certificates makes a CA whose certificates verify, and no other kind', async (t) => {
  const { pair, certify, authority, x509 } = await openCertifying(t)
  const leaf = await pair()
  for (const [algorithm, bits] of [
    ['RSA', 2048],
    ['EC', 256],
    ['ECDSA', 384],
    ['EC', 521],
    ['Ed25519', undefined],
  ] as const) {
    const common = { CryptographicAlgorithm: algorithm, ...(bits && { CryptographicLength: bits }) }
    const ca = await authority(common)
    const root = await x509(ca.certificate)
    const issued = await x509(await certify(leaf.publicKey, { subject }, { Link: ca.link }))
    assert.deepEqual(
      [root.ca, root.verify(root.publicKey), issued.ca, issued.verify(root.publicKey)],
      [true, true, false, true],
      `${algorithm} ${bits}`,
    )
  }
  for (const common of [
    { CryptographicAlgorithm: 'EC', CryptographicLength: 224 },
    { CryptographicAlgorithm: 'Ed448' },
  ])
    await assert.rejects(authority(common), faults('InvalidField', /of the kind/))
})

test('a public key is certified while it is Pre-Active or Active, and nothing else is', async (t) => {
  const { perform, pair, certify, authority } = await openCertifying(t)
  const { link: Link } = await authority()
  const ask = (id: string | undefined) => certify(id, { subject }, { Link })
  const { publicKey: key, privateKey } = await pair()
  const compromised = (await pair()).publicKey
  assert.ok(await ask(key))
  await perform((work) => work.activate(key))
  assert.ok(await ask(key))
  await perform((work) => work.archive(key))
  await assert.rejects(ask(key), faults('ObjectArchived'))
  await perform((work) => work.recover(key))
  const revoke = (id: string, code: string) =>
    perform((work) => work.revoke(id, { code, message: undefined, compromiseOccurrenceDate: undefined }))
  await revoke(key, 'CessationOfOperation')
  await assert.rejects(ask(key), faults('WrongKeyLifecycleState', /Deactivated/))
  await revoke(compromised, 'KeyCompromise')
  await assert.rejects(ask(compromised), faults('WrongKeyLifecycleState', /Compromised/))
  await perform((work) => work.destroy(key))
  await assert.rejects(ask(key), faults('ObjectDestroyed'))
  await assert.rejects(ask(privateKey), faults('InvalidObjectType', /PublicKey is needed.*PrivateKey/))
  await assert.rejects(ask('nobody'), faults('ObjectNotFound', /Unique Identifier/))
  await assert.rejects(ask(undefined), faults('ObjectNotFound', /name a public key/))
})

test('the parts of the subject go before the Name of the certificate, and that before the Name of the key', async (t) => {
  const { pair, certify, authority, x509 } = await openCertifying(t)
  const { link: Link } = await authority()
  const { publicKey } = await pair({}, { Name: name('of the key') })
  const parts = [
    { type: 'C', value: 'DE' },
    { type: 'CN', value: 'of the parts' },
  ]
  for (const [more, asked, expected] of [
    [{ subject: parts }, { Name: name('a') }, 'C=DE\nCN=of the parts'],
    [{}, { Name: name('b') }, 'CN=b'],
    [{}, {}, 'CN=of the key'],
  ] as const)
    assert.equal((await x509(await certify(publicKey, more, { Link, ...asked }))).subject, expected)
  const { publicKey: nameless } = await pair()
  await assert.rejects(certify(nameless, {}, { Link }), faults('InvalidField', /needs a subject/))
})

test('without an issuer the mask of the request, or else that of the key, must let it sign certificates', async (t) => {
  const { pair, certify, authority, attributes, x509 } = await openCertifying(t)
  const { link: Link } = await authority()
  const [signs, verifies] = [mask('CertificateSign', 'Sign'), mask('Verify')]
  for (const [ofRequest, ofKey, isAuthority] of [
    [signs, verifies, true],
    [undefined, signs, true],
    [verifies, signs, false],
    [undefined, verifies, false],
  ] as const) {
    const half = { CryptographicUsageMask: signs }
    const { publicKey } = await pair(half, { CryptographicUsageMask: ofKey })
    const asked = ofRequest === undefined ? {} : { CryptographicUsageMask: ofRequest }
    if (isAuthority) assert.ok((await x509(await certify(publicKey, { subject }, asked))).ca)
    else
      await assert.rejects(certify(publicKey, { subject }, asked), faults('InvalidField', /names no issuer/))
    const leaf = await certify(publicKey, { subject }, { Link, ...asked })
    assert.equal((await x509(leaf)).ca, false, 'an issuer makes leaves alone')
    assert.equal(first(await attributes(leaf), 'CryptographicUsageMask'), ofRequest ?? ofKey)
  }
})

test('a request says which key and which subject, whether it is sent or here, alone or beside its key', async (t) => {
  const site = await openCertifying(t)
  const { pair, certify, authority, links, x509 } = site
  const { link: Link } = await authority()
  const { der, publicKey, keep } = await requestHere(site, 'requested')
  const stored = await keep('PKCS_10')
  for (const [id, more, owner] of [
    [undefined, { request: der }, undefined],
    [publicKey, { request: der, subject }, publicKey],
    [stored, {}, undefined],
    [await keep('PEM'), {}, undefined],
    [await keep('PKCS_10', { Link: linkTo('PublicKeyLink', publicKey) }), {}, publicKey],
  ] as const) {
    const made = await certify(id, more, { Link })
    assert.equal((await x509(made)).subject, 'CN=requested')
    const toOwner = owner === undefined ? [] : [`PublicKeyLink ${owner}`]
    assert.deepEqual(await links(made), [`CertificateLink ${Link.LinkedObjectIdentifier}`, ...toOwner])
    if (owner !== undefined) assert.ok((await links(owner)).includes(`CertificateLink ${made}`))
  }
  const { publicKey: other } = await pair()
  const forOther = await keep('PKCS_10', { Link: linkTo('PublicKeyLink', other) })
  const crmf = await keep('CRMF')
  for (const [id, more, refusal] of [
    [other, { request: der }, faults('InvalidField', /for another public key/)],
    [forOther, {}, faults('InvalidField', /for another public key/)],
    [stored, { request: der }, faults('InvalidField', /two certificate requests/)],
    [crmf, {}, faults('FeatureNotSupported', /PKCS#10, not CRMF/)],
    [undefined, { request: Buffer.from('damaged') }, faults('InvalidField', /request/)],
  ] as const)
    await assert.rejects(certify(id, more, { Link }), refusal)
  const signs = { CryptographicUsageMask: mask('CertificateSign') }
  await assert.rejects(
    certify(undefined, { request: der }, signs),
    faults('InvalidField', /names no issuer/),
    'a key that is not here makes no CA',
  )
})

test('a CA’s certificate leads to its private key, by itself or over its public key', async (t) => {
  const { perform, pair, certify, authority, x509 } = await openCertifying(t)
  const ca = await authority()
  const root = await x509(ca.certificate)
  const register = (...Link: readonly ReturnType<typeof linkTo>[]) => {
    const wanted = { objectType: 'Certificate', attributes: attributeSet({ Link }) } as const
    return perform((work) => work.register(wanted, broughtCertificate(root.raw).material))
  }
  const relink = (id: string, ...Link: readonly ReturnType<typeof linkTo>[]) =>
    perform(async (work) => {
      await work.deleteAllInstances(id, { key: 'Link', version: '2.1' })
      for (const value of Link) await work.addAttribute(id, { key: 'Link', value, version: '2.1' })
    })
  const { publicKey: leaf } = await pair()
  const by = async (issuer: string) =>
    x509(await certify(leaf, { subject }, { Link: linkTo('CertificateLink', issuer) }))
  const direct = await register(linkTo('PrivateKeyLink', ca.privateKey))
  const over = await register(linkTo('PublicKeyLink', ca.publicKey))
  for (const issuer of [direct, over]) assert.ok((await by(issuer)).verify(root.publicKey))
  const none = faults('ObjectNotFound', /leads to no private key/)
  await assert.rejects(by(await register()), none)
  await assert.rejects(by(await register(linkTo('PublicKeyLink', direct))), none, 'another certificate')
  const { publicKey: further } = await pair()
  await relink(further, linkTo('PublicKeyLink', ca.publicKey))
  await assert.rejects(by(await register(linkTo('PublicKeyLink', further))), none, 'a key that leads on')
  await assert.rejects(by(await register(linkTo('PublicKeyLink', 'gone'))), faults('ObjectNotFound'))
  const aes = await perform(createKey({ CryptographicUsageMask: mask('CertificateSign') }))
  await assert.rejects(
    by(await register(linkTo('PrivateKeyLink', aes))),
    faults('InvalidField', /SymmetricKey/),
  )
  const { privateKey: stranger } = await authority()
  const crossed = await register(linkTo('PrivateKeyLink', stranger))
  await assert.rejects(by(crossed), faults('InvalidField', /do not fit together/))
  await assert.rejects(by(ca.publicKey), faults('InvalidObjectType', /Certificate is needed/))
  const ofLeaf = await certify(leaf, { subject }, { Link: ca.link })
  await assert.rejects(by(ofLeaf), faults('InvalidField', /not that of a CA/))
})

test('the private key of a CA must be allowed to sign certificates, be Active, and have uses left', async (t) => {
  const { perform, pair, certify, authority } = await openCertifying(t)
  const UsageLimits = { UsageLimitsTotal: 2n, UsageLimitsUnit: 'Object' }
  const ca = await authority(ec, { UsageLimits })
  const { publicKey } = await pair()
  const ask = () => certify(publicKey, { subject }, { Link: ca.link })
  assert.ok(await ask())
  await assert.rejects(ask(), faults('PermissionDenied', /Usage Limits/))
  const signs = { CryptographicUsageMask: mask('CertificateSign') }
  for (const [privateHalf, refusal] of [
    [{ CryptographicUsageMask: mask('Sign') }, faults('IncompatibleCryptographicUsageMask')],
    [{ ...signs, ActivationDate: 4_000_000_000n }, faults('WrongKeyLifecycleState', /activate it first/)],
  ] as const) {
    const made = await pair(privateHalf, signs)
    await assert.rejects(certify(made.publicKey, { subject }), refusal)
    const shown = await perform((work) => work.attributes('key.attributes', made.publicKey))
    assert.equal(shown.get('Link')?.length, 1, 'nothing was made')
  }
})

test('an issuer signs from the first to the last second of its dates', async (t) => {
  const { core, perform, pair, certify, authority, x509 } = await openCertifying(t)
  const now = BigInt(core.clock.now() / 1000)
  const ca = await authority(ec, {}, { DeactivationDate: now + 90n })
  const { raw } = await x509(ca.certificate)
  // Registered again, it has no dates of its own that would close it.
  const attributes = attributeSet({ Link: linkTo('PrivateKeyLink', ca.privateKey) })
  const wanted = { objectType: 'Certificate', attributes } as const
  const issuer = await perform((work) => work.register(wanted, broughtCertificate(raw).material))
  const { publicKey } = await pair()
  const ask = () => certify(publicKey, { subject }, { Link: linkTo('CertificateLink', issuer) })
  core.clock.pass(90_000)
  assert.ok(await ask())
  core.clock.pass(1_000)
  await assert.rejects(ask(), faults('PermissionDenied', /not in date/))
})

test('what the certificate says goes before what its request says, and the rest of the request is kept', async (t) => {
  const { core, pair, certify, authority, attributes, links } = await openCertifying(t)
  const { link, certificate: ca } = await authority()
  const { publicKey } = await pair()
  const asked = {
    Link: [link, linkTo('PublicKeyLink', 'another')],
    CryptographicAlgorithm: 'RSA',
    CryptographicLength: 4096,
    CertificateSubjectCN: 'another',
    CertificateType: 'PGP',
    ObjectGroup: 'group',
    Comment: 'kept',
  }
  const made = await certify(publicKey, { subject }, asked)
  const set = await attributes(made)
  const told = Object.fromEntries(Object.keys(asked).map((key) => [key, set.get(key)?.[0]?.value]))
  assert.deepEqual(
    { ...told, Link: await links(made) },
    {
      Link: [`CertificateLink ${ca}`, `PublicKeyLink ${publicKey}`],
      CryptographicAlgorithm: 'EC',
      CryptographicLength: 256,
      CertificateSubjectCN: 'leaf',
      CertificateType: 'X_509',
      ObjectGroup: 'group',
      Comment: 'kept',
    },
  )
  assert.equal(first(set, 'OriginalCreationDate'), BigInt(core.clock.now() / 1000))
  const again = await certify(publicKey, { subject }, { Link: link })
  assert.deepEqual((await links(publicKey)).slice(1), [`CertificateLink ${made}`, `CertificateLink ${again}`])
})
