// Re-certify as an act (KMIP 1.4 §4.8): the new certificate is for the same key, subject and issuer, lasts as long as the old one,
// and takes its place.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { RecertifyRequest } from '../../../../src/core/keys/certificates/certify.ts'
import { broughtCertificate } from '../../../../src/core/keys/forms/brought-object.ts'
import { linkTo } from '../../../../src/core/keys/object/links.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { makeRequest } from '../../../../src/core/pki/make-request.ts'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'
import { mask, openCertifying } from '../certifying.ts'

const subject = [{ type: 'CN', value: 'leaf' }] as const
const day = 86_400n

async function openRenewing(t: TestContext) {
  const site = await openCertifying(t)
  const { perform } = site
  const renew = (
    uniqueIdentifier: string,
    how: Partial<RecertifyRequest> = {},
    attributes: Readonly<Record<string, unknown>> = {},
  ) =>
    perform((work) =>
      work.certificates.reCertify({
        uniqueIdentifier,
        request: undefined,
        storedRequest: undefined,
        subject: [],
        offset: undefined,
        attributes: attributeSet(attributes),
        ...how,
      }),
    )
  const register = (der: Buffer, attributes: Readonly<Record<string, unknown>> = {}) => {
    const wanted = { objectType: 'Certificate', attributes: attributeSet(attributes) } as const
    return perform((work) => work.register(wanted, broughtCertificate(der).material))
  }
  const now = BigInt(site.core.clock.now() / 1000)
  /** Seconds from the beginning. */
  const dates = async (id: string) => {
    const { validFrom, validTo } = await site.x509(id)
    return [validFrom, validTo].map((date) => BigInt(Date.parse(date) / 1000) - now)
  }
  return { ...site, renew, register, now, dates }
}

test('a certificate is renewed by its issuer, or by the one that the request names, and each knows the other', async (t) => {
  const { core, perform, pair, certify, authority, x509, renew, links, attributes } = await openRenewing(t)
  const [ca, other] = [await authority(), await authority()]
  const { publicKey, privateKey } = await pair()
  const Name = { NameValue: 'leaf', NameType: 'UninterpretedTextString' }
  const old = await certify(publicKey, { subject }, { Link: ca.link, Name })
  core.clock.pass(5_000)
  const fresh = await renew(old)
  const [was, is] = [await x509(old), await x509(fresh)]
  assert.deepEqual([is.subject, is.publicKey.equals(was.publicKey), is.ca], ['CN=leaf', true, false])
  assert.ok(is.verify((await x509(ca.certificate)).publicKey))
  assert.notEqual(is.serialNumber, was.serialNumber)
  assert.deepEqual(await links(fresh), [
    `ReplacedObjectLink ${old}`,
    `CertificateLink ${ca.certificate}`,
    `PublicKeyLink ${publicKey}`,
  ])
  assert.ok((await links(old)).includes(`ReplacementObjectLink ${fresh}`))
  assert.deepEqual(await links(publicKey), [`PrivateKeyLink ${privateKey}`, `CertificateLink ${fresh}`])
  const [gone, kept] = [await attributes(old), await attributes(fresh)]
  assert.deepEqual([gone.get('Name'), first(kept, 'Name')], [undefined, Name])
  assert.equal(first(kept, 'OriginalCreationDate'), BigInt(core.clock.now() / 1000))
  await assert.rejects(renew(old), faults('PermissionDenied', new RegExp(fresh)))
  const byOther = await renew(fresh, {}, { Link: other.link })
  const { entries } = await core.store.audit({ order: 'newest', limit: 9, action: 'certificate.re-certify' })
  const told = entries
    .map(({ body }) => JSON.parse(body) as AuditEntry)
    .find(({ object }) => object === byOther)
  assert.deepEqual(told?.detail, { replaces: fresh, publicKey, issuer: other.certificate })
  assert.ok((await x509(byOther)).verify((await x509(other.certificate)).publicKey))
  assert.ok((await links(byOther)).includes(`CertificateLink ${other.certificate}`))
  await perform((work) => work.destroy(byOther))
  await assert.rejects(renew(byOther), faults('ObjectDestroyed'))
})

test('the new certificate lasts as long as the old one, and with an Offset its dates move', async (t) => {
  const { core, pair, certify, authority, renew, now, dates } = await openRenewing(t)
  const { link: Link } = await authority()
  const made = async (more: object) => certify((await pair()).publicKey, { subject }, { Link, ...more })
  const open = await made({})
  const dated = await made({ ActivationDate: now + 10n, DeactivationDate: now + 40n })
  const shifted = await made({ ActivationDate: now + 10n, DeactivationDate: now + 40n })
  const over = await made({ DeactivationDate: now + 20n })
  core.clock.pass(5_000)
  assert.deepEqual(await dates(await renew(open)), [5n - day, 5n + 366n * day])
  assert.deepEqual(await dates(await renew(dated)), [10n, 40n], 'the dates of the old one are its own')
  assert.deepEqual(await dates(await renew(shifted, { offset: 100 })), [105n, 135n])
  const later = await renew(over, {}, { DeactivationDate: now + 90n })
  assert.deepEqual(await dates(later), [5n - day, 90n])
})

test('a CA that signed itself renews itself with its key, and no other certificate is renewed without an issuer', async (t) => {
  const { pair, certify, authority, x509, renew, register, links } = await openRenewing(t)
  const ca = await authority()
  const root = await x509(ca.certificate)
  const { publicKey } = await pair()
  const leaf = await x509(await certify(publicKey, { subject }, { Link: ca.link }))
  const none = faults('InvalidField', /names no issuer/)
  await assert.rejects(renew(await register(root.raw)), none, 'without a key')
  const toKey = { Link: linkTo('PublicKeyLink', publicKey) }
  await assert.rejects(renew(await register(leaf.raw, toKey)), none, 'no CA')
  const toPrivate = { Link: linkTo('PublicKeyLink', ca.privateKey) }
  await assert.rejects(renew(await register(root.raw, toPrivate)), faults('InvalidObjectType'))
  const fresh = await renew(ca.certificate)
  const renewed = await x509(fresh)
  assert.deepEqual([renewed.ca, renewed.subject, renewed.verify(root.publicKey)], [true, 'CN=CA', true])
  assert.deepEqual(await links(fresh), [
    `ReplacedObjectLink ${ca.certificate}`,
    `PublicKeyLink ${ca.publicKey}`,
  ])
})

test('it keeps its subject and its key: a request must be for the key, and there is one at most', async (t) => {
  const { perform, pair, certify, authority, x509, renew } = await openRenewing(t)
  const { link: Link } = await authority()
  const { request, privateKey } = await makeRequest({ commonName: 'requested' })
  privateKey.fill(0)
  const sent = Buffer.from(request)
  const wanted = { objectType: 'CertificateRequest', attributes: attributeSet({}) } as const
  const material = { bytes: Buffer.from(sent), head: { certificateRequestType: 'PEM' } } as const
  const storedRequest = await perform((work) => work.register(wanted, material))
  const { publicKey } = await pair()
  const other = await certify(publicKey, { subject }, { Link })
  await assert.rejects(renew(other, { request: sent }), faults('InvalidField', /another public key/))
  await assert.rejects(renew(other, { storedRequest }), faults('InvalidField', /another public key/))
  await assert.rejects(
    renew(other, { storedRequest: publicKey }),
    faults('InvalidObjectType', /no certificate request/),
  )
  const two = { request: sent, storedRequest }
  const old = await certify(undefined, { request: sent }, { Link })
  await assert.rejects(renew(old, two), faults('InvalidField', /two certificate requests/))
  await assert.rejects(renew(old, { subject }), faults('InvalidField', /keeps its subject/))
  const fresh = await renew(await renew(old, { request: sent }), { storedRequest })
  assert.equal((await x509(fresh)).subject, 'CN=requested')
  const certificate = { objectType: 'Certificate', attributes: attributeSet({}) } as const
  const pgp = { bytes: Buffer.from('pgp'), head: { certificateType: 'PGP' } } as const
  const notX509 = await perform((work) => work.register(certificate, pgp))
  await assert.rejects(renew(notX509), faults('InvalidObjectType', /not an X.509/))
  await assert.rejects(renew(publicKey), faults('InvalidObjectType', /Certificate is needed/))
})

test('a certificate that was revoked is not renewed, and one that is not Active yet is', async (t) => {
  const { perform, pair, certify, authority, renew, now } = await openRenewing(t)
  const ca = await authority()
  const { publicKey } = await pair({}, { CryptographicUsageMask: mask('Verify') })
  const made = (more: object = {}) => certify(publicKey, { subject }, { Link: ca.link, ...more })
  assert.ok(await renew(await made({ ActivationDate: now + 60n })))
  const revoked = await made()
  const how = { code: 'KeyCompromise', message: undefined, compromiseOccurrenceDate: undefined }
  await perform((work) => work.revoke(revoked, how))
  await assert.rejects(renew(revoked), faults('WrongKeyLifecycleState', /Compromised/))
})
