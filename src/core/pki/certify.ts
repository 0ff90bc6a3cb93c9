// Certificates that another CA issues, whose key is not in this file's reach: its functions return the content to sign, and
// complete the certificate with the signature. A CA may only sign leaves, and a leaf never becomes a CA, whatever its request
// asks for.

import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  Certificate as AsnCertificate,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  SubjectKeyIdentifier,
  type Extension,
  type Name,
} from '@peculiar/asn1-x509'
import { certificateBytesMax } from '../../base/bounds.ts'
import {
  authorityKeyIdentifier,
  authorityNamed,
  basicConstraints,
  keyUsageOf,
  subjectKeyIdentifier,
  unsignedCertificate,
  type UnsignedCertificate,
} from './build.ts'
import { DerError, requireFewElements } from './der.ts'
import { PkiError } from './error.ts'
import { readPaste } from './paste.ts'
import { checkKey, readRequest } from './request.ts'
import type { SignatureAlgorithm } from './signatures.ts'
import { readDates, readX509, type Validity } from './x509.ts'

/** The most DER elements in a client's certificate or request that the server parses as a whole. Usual ones have a hundred. */
const certificateElementsMax = 300

/** The owner of a new certificate. */
export interface CertifiedOwner {
  readonly subject: Name
  readonly publicKey: KeyObject
  /** The extensions of the request, or of an earlier certificate. */
  readonly extensions: readonly Extension[]
}

/** The parts of a CA's certificate that its issued certificates depend on. */
export interface Issuer {
  readonly name: Name
  readonly publicKey: KeyObject
  readonly keyIdentifier: ArrayBuffer | undefined
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** Reads the owner from a request. Throws PkiError if the request is damaged, or if its sender does not have the private key. */
export async function ownerInRequest(request: Uint8Array): Promise<CertifiedOwner> {
  if (request.length > certificateBytesMax) throw new PkiError('the certificate request is too large')
  for (const der of readPaste(request, 'certificate request')) requireShort(der)
  return readRequest(request)
}

export function ownerInCertificate(
  der: Uint8Array,
): CertifiedOwner & Pick<Issuer, 'notBeforeMs' | 'notAfterMs'> {
  const { parsed, fields } = read(der)
  const { subject, extensions = [] } = fields
  return { subject, publicKey: parsed.publicKey, extensions, ...datesOf(parsed) }
}

/** Throws PkiError if this is not the certificate of a CA. */
export function issuerIn(der: Uint8Array): Issuer {
  const { parsed, fields } = read(der)
  if (!parsed.ca || !maySignCertificates(fields.extensions))
    throw new PkiError('the certificate of the issuer is not that of a CA')
  const own = find(fields.extensions, id_ce_subjectKeyIdentifier)
  return {
    name: fields.subject,
    publicKey: parsed.publicKey,
    keyIdentifier: own && AsnConvert.parse(own.extnValue.buffer, SubjectKeyIdentifier).buffer,
    ...datesOf(parsed),
  }
}

/** Whether this is the certificate of a CA that signed itself. */
export function isOwnAuthority(der: Uint8Array): boolean {
  const { parsed } = read(der)
  return parsed.ca && parsed.verify(parsed.publicKey)
}

/** Prepares a leaf whose dates lie within those of its issuer. Throws PkiError. */
export function leafToSign(
  owner: CertifiedOwner,
  issuer: Issuer,
  validity: Validity,
  algorithm: SignatureAlgorithm,
): UnsignedCertificate {
  const dates = {
    notBeforeMs: Math.max(validity.notBeforeMs, issuer.notBeforeMs),
    notAfterMs: Math.min(validity.notAfterMs, issuer.notAfterMs),
  }
  requireOrder(dates)
  const granted = [id_ce_subjectAltName, id_ce_extKeyUsage].flatMap((id) => find(owner.extensions, id) ?? [])
  return unsignedCertificate({
    ...dates,
    subject: owner.subject,
    issuer: issuer.name,
    publicKey: owner.publicKey,
    algorithm,
    extensions: [
      basicConstraints(false),
      keyUsageOf(leafUsage(owner)),
      ...granted,
      subjectKeyIdentifier(owner.publicKey),
      issuer.keyIdentifier ? authorityNamed(issuer.keyIdentifier) : authorityKeyIdentifier(issuer.publicKey),
    ],
  })
}

/** Prepares the certificate of a CA that signs itself and issues leaves. Throws PkiError. */
export function authorityToSign(
  { subject, publicKey }: Omit<CertifiedOwner, 'extensions'>,
  validity: Validity,
  algorithm: SignatureAlgorithm,
): UnsignedCertificate {
  requireOrder(validity)
  return unsignedCertificate({
    ...validity,
    subject,
    issuer: subject,
    publicKey,
    algorithm,
    extensions: [
      basicConstraints(true),
      keyUsageOf(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign),
      subjectKeyIdentifier(publicKey),
    ],
  })
}

/** The algorithm with which a key of this kind signs certificates. Undefined: it cannot sign them. */
export function signingAlgorithm(key: KeyObject): SignatureAlgorithm | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'rsa') return 'sha256WithRSAEncryption'
  if (type === 'ed25519') return 'Ed25519'
  return type === 'ec' ? curveAlgorithms[details?.namedCurve ?? ''] : undefined
}

const curveAlgorithms: Readonly<Record<string, SignatureAlgorithm>> = {
  prime256v1: 'ecdsa-with-SHA256',
  secp384r1: 'ecdsa-with-SHA384',
  secp521r1: 'ecdsa-with-SHA512',
}

/** Reads a public key from its DER and checks that it may be certified. Throws PkiError. */
export function publicKeyFrom(spki: Uint8Array): KeyObject {
  const key = readKey(spki)
  checkKey(key)
  return key
}

function readKey(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch (cause) {
    throw new PkiError('no certificates are made for a key of this kind', { cause })
  }
}

function read(der: Uint8Array) {
  if (der.length > certificateBytesMax) throw new PkiError('the certificate is too large to work with')
  requireShort(Buffer.from(der.buffer, der.byteOffset, der.byteLength))
  try {
    const parsed = readX509(der)
    return { parsed, fields: AsnConvert.parse(der, AsnCertificate).tbsCertificate }
  } catch (cause) {
    throw new PkiError('the certificate cannot be read', { cause })
  }
}

/** Limits the DER, since clients send it and the thread that serves TLS parses it. */
function requireShort(der: Buffer): void {
  try {
    requireFewElements(der, certificateElementsMax)
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause
    throw new PkiError(`no certificates are made of this: ${cause.message}`, { cause })
  }
}

function datesOf(parsed: X509Certificate): Validity {
  const dates = readDates(parsed)
  if (!dates) throw new PkiError('the dates of the certificate cannot be read')
  return dates
}

function requireOrder({ notBeforeMs, notAfterMs }: Validity): void {
  if (notBeforeMs >= notAfterMs)
    throw new PkiError('the certificate would end before it begins, or after its issuer')
}

function find(extensions: readonly Extension[] | undefined, id: string): Extension | undefined {
  return extensions?.find(({ extnID }) => extnID === id)
}

/** RFC 5280 §4.2.1.3: a certificate without key usage may be used for everything. */
function maySignCertificates(extensions: readonly Extension[] | undefined): boolean {
  const usage = find(extensions, id_ce_keyUsage)
  return !usage || (flagsOf(usage) & KeyUsageFlags.keyCertSign) !== 0
}

/** Grants the usage in the request, except that of a CA. Without one: signatures, and with RSA also key encipherment. */
function leafUsage({ extensions, publicKey }: CertifiedOwner): number {
  const usage = find(extensions, id_ce_keyUsage)
  const flags = usage ? flagsOf(usage) & ~(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign) : 0
  if (flags !== 0) return flags
  const isRsa = publicKey.asymmetricKeyType === 'rsa'
  return KeyUsageFlags.digitalSignature | (isRsa ? KeyUsageFlags.keyEncipherment : 0)
}

function flagsOf(usage: Extension): number {
  try {
    return AsnConvert.parse(usage.extnValue.buffer, KeyUsage).toNumber()
  } catch (cause) {
    throw new PkiError('the key usage cannot be read', { cause })
  }
}
