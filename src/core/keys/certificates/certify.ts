// The acts of Certify and Re-certify (KMIP 1.4 §4.7, §4.8): a certificate for a public key, issued by a CA of the same instance. A
// public key whose pair may sign certificates gets one of its own CA, if the request names no issuer.

import type { Validity } from '../../pki/x509.ts'
import { first, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import { maskOf } from '../../../wire/kmip/enums.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import {
  authorityToSign,
  isOwnAuthority,
  publicKeyFrom,
  leafToSign,
  ownerInCertificate,
  ownerInRequest,
  type CertifiedOwner,
} from '../../pki/certify.ts'
import { PkiError } from '../../pki/error.ts'
import { nameOfParts } from '../../pki/build-name.ts'
import type { SubjectAttribute } from '../../pki/subject.ts'
import { broughtCertificate } from '../forms/brought-object.ts'
import {
  algorithmFor,
  issuerOf,
  privateHalf,
  signed,
  storedX509,
  unrevoked,
  type FoundIssuer,
} from './certificate-issuer.ts'
import { describedBy } from '../forms/described-object.ts'
import { unusable, usableKey } from '../use/key-bytes.ts'
import { newIdentifier } from '../object/identifier.ts'
import { linksOf, linkTo, withLink, withRelinked, withSoleLink } from '../object/links.ts'
import { withAttribute, withDate, type ManagedObject } from '../object/managed-object.ts'
import { replacedBy, replacementAttributes, requireUnreplaced } from '../acts/replacement.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

export interface CertifyRequest {
  /** The public key, or a stored certificate request. Undefined: the client sends a request, which contains the key. */
  readonly uniqueIdentifier: string | undefined
  /** PKCS#10, in PEM or DER. */
  readonly request: Uint8Array | undefined
  /** The parts of the subject, for a client without a request. If there are none, a Name becomes the subject. */
  readonly subject: readonly SubjectAttribute[]
  /** The client's attributes, checked by the attribute rules. */
  readonly attributes: AttributeSet
}

export interface RecertifyRequest extends CertifyRequest {
  /** The certificate to renew. */
  readonly uniqueIdentifier: string
  /** A stored certificate request. */
  readonly storedRequest: string | undefined
  /** Seconds from now to the Activation Date of the new certificate. */
  readonly offset: number | undefined
}

const dayMs = 24 * 3600_000
const [leafDays, authorityDays] = [365, 10 * 365]

/** Returns the identifier of the certificate. Throws Faults. */
export async function certify(objects: TransactionObjects, request: CertifyRequest): Promise<string> {
  objects.staged.begin('certificate.certify', request.uniqueIdentifier ?? null)
  return readable(async () => {
    const { attributes: requestAttributes } = request
    const { publicKey, owner } = await certified(objects, request)
    const issuer = await namedIssuer(objects, requestAttributes)
    const mask =
      first(requestAttributes, 'CryptographicUsageMask') ??
      (publicKey && first(publicKey.attributes, 'CryptographicUsageMask')) ??
      0
    const isAuthority = (mask & maskOf('CryptographicUsageMask', ['CertificateSign'])) !== 0
    const masked = withAttribute(requestAttributes, 'CryptographicUsageMask', mask)
    const { nowMs } = objects.staged
    const validity = validityOf(requestAttributes, nowMs, (issuer ? leafDays : authorityDays) * dayMs)
    const id = newIdentifier(nowMs)
    const issue = { owner, validity, id }
    if (!issuer && !(publicKey && isAuthority)) throw noIssuer()
    const der = issuer
      ? await issued(objects, issuer, issue)
      : await issuedByItself(objects, publicKey as ManagedObject, issue)
    await keepWithKey(objects, publicKey, { id, der, attributes: masked })
    objects.staged.done({ object: id, detail: auditDetail(publicKey?.uniqueIdentifier, issuer) })
    return id
  })
}

/** Returns the identifier of the new certificate. Throws Faults. */
export async function reCertify(objects: TransactionObjects, request: RecertifyRequest): Promise<string> {
  const { staged } = objects
  staged.begin('certificate.re-certify', request.uniqueIdentifier)
  return readable(async () => {
    const { object: existing, der: oldDer } = await storedX509(objects, request.uniqueIdentifier)
    await requireUnreplaced(objects, existing)
    const old = ownerInCertificate(oldDer)
    const owner = await renewedOwner(objects, old, request)
    const { attributes: requestAttributes, offset } = request
    const issuer =
      (await namedIssuer(objects, requestAttributes)) ?? (await namedIssuer(objects, existing.attributes))
    const [publicKey] = linksOf(existing.attributes, 'PublicKeyLink')
    const inherited = replacementAttributes(existing.attributes, {
      changes: requestAttributes,
      offset,
      nowMs: staged.nowMs,
    })
    const validity = validityOf(inherited, staged.nowMs, old.notAfterMs - old.notBeforeMs)
    const id = newIdentifier(staged.nowMs)
    const issue = { owner, validity, id }
    const der = issuer
      ? await issued(objects, issuer, issue)
      : await issuedByItself(objects, await ownAuthority(objects, oldDer, publicKey), issue)
    await objects.stage(existing, replacedBy(existing, id))
    const links = [
      linkTo('ReplacedObjectLink', existing.uniqueIdentifier),
      ...(issuer ? [linkTo('CertificateLink', issuer.uniqueIdentifier)] : []),
      ...(publicKey === undefined ? [] : [linkTo('PublicKeyLink', publicKey)]),
    ]
    await keepCertificate(objects, { id, der, attributes: links.reduce(withSoleLink, inherited) })
    if (publicKey !== undefined) await relink(objects, publicKey, existing.uniqueIdentifier, id)
    const replaces = existing.uniqueIdentifier
    staged.done({ object: id, detail: { replaces, ...auditDetail(publicKey, issuer) } })
    return id
  })
}

/** The stored public key of a self-signed CA, which renews its own certificate. Throws Faults. */
async function ownAuthority(
  objects: TransactionObjects,
  der: Uint8Array,
  publicKey: string | undefined,
): Promise<ManagedObject> {
  if (publicKey === undefined || !isOwnAuthority(der)) throw noIssuer()
  return unrevoked(objects, publicKey, 'PublicKey')
}

function auditDetail(publicKey: string | undefined, issuer: FoundIssuer | undefined) {
  return {
    ...(publicKey !== undefined && { publicKey }),
    ...(issuer && { issuer: issuer.uniqueIdentifier }),
  }
}

function noIssuer(): Fault {
  return new Fault(
    'InvalidField',
    'the request names no issuer: give the Unique Identifier of a CA certificate of this instance as a Link of the type Certificate Link, or the mask Certificate Sign for a CA of its own',
  )
}

/** Turns a PkiError into a Fault: the client's input is damaged or does not match. */
async function readable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof PkiError) throw new Fault('InvalidField', cause.message, { cause })
    throw cause
  }
}

async function namedIssuer(
  objects: TransactionObjects,
  attributes: AttributeSet,
): Promise<FoundIssuer | undefined> {
  const [named, ...more] = linksOf(attributes, 'CertificateLink')
  if (more.length > 0) throw new Fault('InvalidField', 'a certificate has one issuer')
  return named === undefined ? undefined : issuerOf(objects, named)
}

// ---------------------------------------------------------------- The owner

/** The owner of the certificate, and the public key if it is stored here. Throws Faults. */
async function certified(
  objects: TransactionObjects,
  certifyRequest: CertifyRequest,
): Promise<{ readonly publicKey: ManagedObject | undefined; readonly owner: CertifiedOwner }> {
  const { uniqueIdentifier, request } = certifyRequest
  if (uniqueIdentifier === undefined && request)
    return { publicKey: undefined, owner: await ownerInRequest(request) }
  if (uniqueIdentifier === undefined)
    throw new Fault('ObjectNotFound', 'name a public key or a certificate request, or send one')
  const { objectType, attributes } = await objects.live(uniqueIdentifier)
  if (objectType !== 'CertificateRequest') {
    const publicKey = await unrevoked(objects, uniqueIdentifier, 'PublicKey')
    return { publicKey, owner: await ownerOf(objects, publicKey, certifyRequest) }
  }
  if (request)
    throw new Fault('InvalidField', 'two certificate requests: one that is here, and one in the message')
  const stored = await storedRequest(objects, uniqueIdentifier)
  const [linked] = linksOf(attributes, 'PublicKeyLink')
  if (linked === undefined) return { publicKey: undefined, owner: await ownerInRequest(stored) }
  const publicKey = await unrevoked(objects, linked, 'PublicKey')
  return { publicKey, owner: await ownerOf(objects, publicKey, { ...certifyRequest, request: stored }) }
}

/** A stored PKCS#10 request. Throws Faults. */
async function storedRequest(objects: TransactionObjects, uniqueIdentifier: string): Promise<Uint8Array> {
  const object = await objects.live(uniqueIdentifier)
  if (object.objectType !== 'CertificateRequest')
    throw new Fault('InvalidObjectType', `an object of type ${object.objectType} is no certificate request`)
  const { bytes, head } = await objects.open(object)
  objects.staged.opened(bytes)
  const { certificateRequestType: type = 'PKCS_10' } = head
  if (type === 'PKCS_10' || type === 'PEM') return bytes
  throw new Fault('FeatureNotSupported', `this server reads PKCS#10, not ${type}`)
}

async function ownerOf(
  objects: TransactionObjects,
  publicKey: ManagedObject,
  request: CertifyRequest,
): Promise<CertifiedOwner> {
  const key = await usableKey(objects, publicKey)
  if (!('asymmetric' in key) || !('spki' in key.asymmetric)) throw unusable(publicKey.objectType)
  const { spki } = key.asymmetric
  if (!request.request)
    return {
      publicKey: publicKeyFrom(spki),
      extensions: [],
      subject: nameOfParts(subjectOf(publicKey, request)),
    }
  return requested(request.request, spki)
}

/** The owner of a certificate that replaces another one, for the same key pair (KMIP 1.4 §4.8). */
async function renewedOwner(
  objects: TransactionObjects,
  old: CertifiedOwner,
  { request: sent, storedRequest: named, subject }: RecertifyRequest,
): Promise<CertifiedOwner> {
  if (subject.length > 0)
    throw new Fault('InvalidField', 'a certificate that is renewed keeps its subject: have a new one made')
  if (sent && named !== undefined)
    throw new Fault('InvalidField', 'two certificate requests: one that is here, and one in the message')
  const request = named === undefined ? sent : await storedRequest(objects, named)
  return request ? requested(request, old.publicKey.export({ format: 'der', type: 'spki' })) : old
}

async function requested(request: Uint8Array, spki: Uint8Array): Promise<CertifiedOwner> {
  const owner = await ownerInRequest(request)
  if (!publicKeyFrom(spki).equals(owner.publicKey))
    throw new Fault('InvalidField', 'the certificate request is for another public key')
  return owner
}

/** The subject's parts in the request, or the Name of the certificate or public key as common name. */
function subjectOf(
  { attributes: own }: ManagedObject,
  { subject, attributes }: CertifyRequest,
): readonly SubjectAttribute[] {
  if (subject.length > 0) return subject
  const name = first(attributes, 'Name') ?? first(own, 'Name')
  if (name) return [{ type: 'CN', value: name.NameValue }]
  throw new Fault(
    'InvalidField',
    'a certificate needs a subject: send a certificate request, Certificate Subject attributes, or a Name',
  )
}

// ---------------------------------------------------------------- The certificate

interface Issue {
  readonly owner: CertifiedOwner
  readonly validity: Validity
  readonly id: string
}

async function issued(
  objects: TransactionObjects,
  issuer: FoundIssuer,
  { owner, validity, id: of }: Issue,
): Promise<Uint8Array> {
  const { algorithm, privateKey } = issuer
  const unsigned = leafToSign(owner, issuer, validity, algorithm)
  const der = await signed(objects, unsigned, { privateKey, algorithm, of })
  await requireChain(objects, [der, issuer.der], Math.max(validity.notBeforeMs, objects.staged.nowMs))
  return der
}

async function issuedByItself(
  objects: TransactionObjects,
  publicKey: ManagedObject,
  { owner, validity, id: of }: Issue,
): Promise<Uint8Array> {
  const algorithm = algorithmFor(owner.publicKey)
  const privateKey = await privateHalf(objects, publicKey)
  const der = await signed(objects, authorityToSign(owner, validity, algorithm), {
    privateKey,
    algorithm,
    of,
  })
  await requireChain(objects, [der], Math.max(validity.notBeforeMs, objects.staged.nowMs))
  return der
}

/** A client's links may lead to a key that does not belong to the issuer. */
async function requireChain(
  objects: TransactionObjects,
  certificates: readonly Uint8Array[],
  atMs: number,
): Promise<void> {
  const { validity } = await objects.compute('validate-chain', { certificates, atMs })
  if (validity === 'Invalid')
    throw new Fault(
      'InvalidField',
      'the private key, the certificate and the dates of the issuer do not fit together',
    )
}

/**
 * The validity: from the Activation Date or, if that is not in the future, from yesterday, since clocks differ; to the
 * Deactivation Date, or for `lifetimeMs`. Throws Fault InvalidField.
 */
function validityOf(attributes: AttributeSet, nowMs: number, lifetimeMs: number): Validity {
  const [activation, deactivation] = [
    millisecondsOf(attributes, 'ActivationDate'),
    millisecondsOf(attributes, 'DeactivationDate'),
  ]
  if (deactivation !== undefined && deactivation <= nowMs)
    throw new Fault(
      'InvalidField',
      'the Deactivation Date of the certificate is over: give a later one, or an Offset',
    )
  const notBeforeMs = activation !== undefined && activation > nowMs ? activation : nowMs - dayMs
  return { notBeforeMs, notAfterMs: deactivation ?? Math.max(notBeforeMs, nowMs) + lifetimeMs }
}

/** RFC 5280 §4.1.2.5.2: the end of the year 9999. */
const lastSecond = 253_402_300_799n

function millisecondsOf(
  attributes: AttributeSet,
  key: 'ActivationDate' | 'DeactivationDate',
): number | undefined {
  const seconds = first(attributes, key)
  if (seconds === undefined) return undefined
  if (seconds < 0n || seconds > lastSecond)
    throw new Fault('InvalidField', 'a certificate has dates between 1970 and 9999')
  return Number(seconds) * 1000
}

async function keepCertificate(
  objects: TransactionObjects,
  {
    id,
    der,
    attributes: requestAttributes,
  }: { readonly id: string; readonly der: Uint8Array; readonly attributes: AttributeSet },
): Promise<void> {
  const brought = broughtCertificate(der)
  // KMIP 1.4 §4.7: the certificate's own facts override those of the request.
  const own = new Set([
    ...(brought.attributes?.keys() ?? []),
    'CryptographicAlgorithm',
    'CryptographicLength',
  ])
  const others = new Map([...requestAttributes].filter(([key]) => !own.has(key)))
  const described = describedBy(others, 'Certificate', brought)
  const attributes = withDate(described, 'OriginalCreationDate', objects.staged.nowMs)
  await objects.keep({ objectType: 'Certificate', attributes, uniqueIdentifier: id }, brought.material, false)
}

/** Stores the certificate, and links it and its key to each other. */
async function keepWithKey(
  objects: TransactionObjects,
  publicKey: ManagedObject | undefined,
  {
    id,
    der,
    attributes,
  }: { readonly id: string; readonly der: Uint8Array; readonly attributes: AttributeSet },
): Promise<void> {
  if (!publicKey) return keepCertificate(objects, { id, der, attributes })
  const ofKey = withSoleLink(attributes, linkTo('PublicKeyLink', publicKey.uniqueIdentifier))
  await keepCertificate(objects, { id, der, attributes: ofKey })
  const linked = withLink(publicKey.attributes, linkTo('CertificateLink', id))
  await objects.stage(publicKey, { ...publicKey, attributes: linked })
}

async function relink(
  objects: TransactionObjects,
  publicKey: string,
  from: string,
  to: string,
): Promise<void> {
  const object = await objects.live(publicKey)
  const attributes = withRelinked(object.attributes, linkTo('CertificateLink', from), to)
  await objects.stage(object, { ...object, attributes })
}
