// Issues certificates: Mortise's own CA, the server's certificate, and certificates for clients, from a key generated here or
// from a client's signing request. A signature grants no trust: only a pin does (core/trust/access.ts). So the CA vouches only
// for the server's name.
//
// Lifetimes are long on purpose. vCenter pins the server's certificate itself, so an administrator must trust each renewal again
// in every vCenter. And an expired client certificate means virtual machines that do not power on. Removing its pin ends a
// client's access with the next message, without waiting for a date.

import { createPrivateKey, createPublicKey, type KeyObject, type KeyPairKeyObjectResult } from 'node:crypto'
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { AsnConvert } from '@peculiar/asn1-schema'
import { Certificate as AsnCertificate, Name, type Extension } from '@peculiar/asn1-x509'
import { certificateDaysMax, certificateNamesMax } from '../../base/bounds.ts'
import { nameWithCommonName } from './build-name.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  signCertificate,
  subjectAltNames,
  subjectKeyIdentifier,
} from './build.ts'
import { parseCertificate, parseCertificates, type Certificate } from './certificate.ts'
import { PkiError } from './error.ts'
import { readRequest } from './request.ts'
import { generateRsaKeys } from './rsa-keys.ts'
import { isPrintable } from './subject.ts'

/** A certificate and its private key: of a CA from makeAuthority, or of a server or client with a certificate from that CA. */
export interface SigningIdentity {
  readonly certificate: Certificate
  readonly privateKey: KeyObject
}

interface Lifetime {
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number
  /** From now on. The certificate never outlives the CA. */
  readonly days?: number
}

const authorityDays = 20 * 365
const leafDays = 10 * 365

interface Keys {
  /** Absent: generates new keys. */
  readonly keys?: Promise<KeyPairKeyObjectResult> | undefined
}

/** Creates a self-signed CA that issues leaves only. RSA-3072, since it lasts 20 years. */
export async function makeAuthority(
  options: { readonly commonName: string } & Keys & Lifetime,
): Promise<SigningIdentity> {
  const { publicKey, privateKey } = await (options.keys ?? generateRsaKeys(3072))
  const subject = nameWithCommonName(checkCommonName(options.commonName))
  const der = await signCertificate({
    subject,
    issuer: subject,
    publicKey,
    ...ownDates(options, authorityDays),
    extensions: [basicConstraints(true), keyUsage('ca'), subjectKeyIdentifier(publicKey)],
    signWith: privateKey,
    algorithm: 'sha256WithRSAEncryption',
  })
  return { certificate: parseCertificate(der), privateKey }
}

/**
 * RSA-2048, which every known vCenter accepts. `names`: host names and IP addresses. Duplicates and IPv6 zones are removed. The
 * first host name is also the common name.
 */
export async function issueServer(
  options: { readonly ca: SigningIdentity; readonly names: readonly string[] } & Keys & Lifetime,
): Promise<SigningIdentity> {
  const names = certificateNames(options.names)
  const { publicKey, privateKey } = await (options.keys ?? generateRsaKeys(2048))
  const commonName = serverCommonName(names)
  const extensions = [extendedKeyUsage('serverAuth'), subjectAltNames(names)]
  const dates = ownDates(options, leafDays)
  return {
    certificate: await issueLeaf(options, nameWithCommonName(commonName), publicKey, extensions, dates),
    privateKey,
  }
}

/**
 * The names in the form of a certificate, without duplicates. Throws PkiError for an invalid name, for no name, and for too many.
 */
export function certificateNames(texts: readonly string[]): readonly string[] {
  const names = [...new Set(texts.map(certificateName))]
  if (names.length === 0) throw new PkiError('A server certificate needs at least one name or address.')
  if (names.length > certificateNamesMax)
    throw new PkiError(`A server certificate takes at most ${certificateNamesMax} names and addresses.`)
  return names
}

/** The first host name that is short enough. */
export function serverCommonName(names: readonly string[]): string {
  return names.find((name) => !isIP(name) && name.length <= commonNameCharactersMax) ?? 'Mortise'
}

/** RSA-2048, for vCenter's "Upload certificate and private key". */
export async function issueClient(
  options: { readonly ca: SigningIdentity; readonly commonName: string } & Lifetime,
): Promise<SigningIdentity> {
  const subject = nameWithCommonName(checkCommonName(options.commonName))
  const { publicKey, privateKey } = await generateRsaKeys(2048)
  return {
    certificate: await issueLeaf(options, subject, publicKey, [extendedKeyUsage('clientAuth')]),
    privateKey,
  }
}

/**
 * For vCenter's "New Certificate Signing Request". `csr`: PEM or DER. request.ts checks it. The certificate gets the request's
 * subject but none of the requested extensions, since a request might ask to be a CA.
 */
export async function signRequest(
  options: { readonly ca: SigningIdentity; readonly csr: string | Uint8Array } & Lifetime,
): Promise<Certificate> {
  const { subject, publicKey } = await readRequest(options.csr)
  return issueLeaf(options, subject, publicKey, [extendedKeyUsage('clientAuth')])
}

/** PKCS#8 PEM, the form that TLS and vCenter accept. */
export function privateKeyPem(key: KeyObject): Buffer {
  return Buffer.from(key.export({ type: 'pkcs8', format: 'pem' }))
}

/**
 * Restores an identity from its stored form. Takes the first certificate of a chain. Throws PkiError if certificate and key do
 * not match.
 */
export function readIdentity(chain: string | Uint8Array, privateKey: Buffer): SigningIdentity {
  const [parsed] = parseCertificates(chain)
  if (!parsed) throw new PkiError('There is no certificate here.')
  const key = createPrivateKey({ key: privateKey, format: 'pem' })
  if (!createPublicKey(key).equals(createPublicKey(parsed.pem)))
    throw new PkiError('The private key does not belong to the certificate.')
  return { certificate: parsed, privateKey: key }
}

async function issueLeaf(
  { ca, ...lifetime }: { readonly ca: SigningIdentity } & Lifetime,
  subject: Name,
  publicKey: KeyObject,
  extensions: readonly Extension[],
  { notBeforeMs, notAfterMs } = dates(lifetime, leafDays),
): Promise<Certificate> {
  if (lifetime.nowMs > ca.certificate.notAfterMs)
    throw new PkiError('The CA has expired and signs nothing any more.')
  const caPublicKey = createPublicKey(ca.privateKey)
  const der = await signCertificate({
    subject,
    // The bytes of the CA's certificate, because verifiers compare them.
    issuer: AsnConvert.parse(ca.certificate.der, AsnCertificate).tbsCertificate.subject,
    publicKey,
    notBeforeMs,
    notAfterMs: Math.min(notAfterMs, ca.certificate.notAfterMs),
    extensions: [
      basicConstraints(false),
      keyUsage('tls'),
      ...extensions,
      subjectKeyIdentifier(publicKey),
      authorityKeyIdentifier(caPublicKey),
    ],
    signWith: ca.privateKey,
    algorithm: 'sha256WithRSAEncryption',
  })
  return parseCertificate(der)
}

const dayMs = 24 * 3600_000

/** Valid from a day ago, since the clocks of servers, vCenters and hosts differ, even by whole time zones. */
function dates({ nowMs, days }: Lifetime, defaultDays: number): { notBeforeMs: number; notAfterMs: number } {
  const lifetime = days ?? defaultDays
  if (!Number.isInteger(lifetime) || lifetime < 1 || lifetime > certificateDaysMax)
    throw new PkiError(`A certificate is valid for 1 to ${certificateDaysMax} days.`)
  return { notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + lifetime * dayMs }
}

/** A time before the first release. Every clock that is right shows a later time. */
const releasedMs = Date.UTC(2026, 0, 1)

/**
 * A machine may make the server's own certificates at its first start, while its clock is years ahead or behind. These dates are
 * still valid when the clock is right.
 */
function ownDates(lifetime: Lifetime, defaultDays: number): ReturnType<typeof dates> {
  const { notBeforeMs } = dates(lifetime, defaultDays)
  const { notAfterMs } = dates({ ...lifetime, nowMs: Math.max(lifetime.nowMs, releasedMs) }, defaultDays)
  return { notBeforeMs: Math.min(notBeforeMs, releasedMs), notAfterMs }
}

/** RFC 5280 appendix A: ub-common-name. */
const commonNameCharactersMax = 64

export function checkCommonName(commonName: string): string {
  if (
    commonName.trim() === '' ||
    Array.from(commonName).length > commonNameCharactersMax ||
    !isPrintable(commonName)
  )
    throw new PkiError(
      `A common name has 1 to ${commonNameCharactersMax} characters, all of which can be shown.`,
    )
  return commonName
}

/** Whether a certificate can contain this host name or IP address. */
export function canBeCertified(name: string): boolean {
  return certifiedForm(name) !== undefined
}

function certificateName(name: string): string {
  const form = certifiedForm(name)
  if (form === undefined) throw new PkiError(`"${name}" is neither a host name nor an IP address.`)
  return form
}

/** A host name or an IP address in the form that a certificate contains. */
function certifiedForm(name: string): string | undefined {
  const address = name
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/%.*$/, '')
  if (isIP(address) === 4) return address
  if (isIP(address) === 6) return new URL(`http://[${address}]`).hostname.slice(1, -1)
  const host = domainToASCII(name.trim().replace(/\.$/, '')).toLowerCase()
  return host.length <= 253 && hostName.test(host) ? host : undefined
}

const hostName = /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/
