// A server certificate from another CA, as an administrator imports it. This file finds the server's own certificate, checks that
// one of the server's keys belongs to it and that it suits a TLS server, and orders the other certificates into a chain. The
// server only presents this chain. It does not trust it.

import { createPublicKey, type KeyObject } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { AsnConvert } from '@peculiar/asn1-schema'
import { Certificate as AsnCertificate, id_ce_keyUsage, KeyUsage, KeyUsageFlags } from '@peculiar/asn1-x509'
import { parseCertificates, type Certificate } from './certificate.ts'
import { PkiError } from './error.ts'
import { sameAuthority } from './match.ts'
import { allowsUse, brokenSignature, readX509 } from './x509.ts'

export interface ServerChain {
  readonly certificate: Certificate
  /** PEM: the server's own certificate, then its issuer, the issuer of that one, and so on. */
  readonly pem: string
  /** The index of the KeyOwner whose key belongs to it. */
  readonly owner: number
  /** Remarks for people: the certificate is usable, but may be the wrong one. */
  readonly warnings: readonly string[]
}

/** A key that this server has, and the names that a certificate for it should contain. */
export interface KeyOwner {
  readonly privateKey: KeyObject
  readonly names: readonly string[]
}

/** Throws PkiError that says what is wrong. `fromMs`: when it is first used, milliseconds since 1970. */
export function checkServerChain(
  paste: string | Uint8Array,
  { owners, fromMs }: { readonly owners: readonly KeyOwner[]; readonly fromMs: number },
): ServerChain {
  const certificates = parseCertificates(paste)
  const { certificate, owner } = ownCertificate(certificates, owners)
  checkDates(certificate, fromMs)
  checkUse(certificate)
  const chain = inOrder(certificate, certificates)
  for (const above of chain.slice(1)) checkDates(above, fromMs)
  return {
    certificate,
    owner,
    pem: chain.map(({ pem }) => pem).join(''),
    warnings: checkNames(certificate, owners[owner]?.names ?? []),
  }
}

/** The DNS names and IP addresses of the subject alternative name, IPv6 in its short form. */
export function namesIn(der: Uint8Array): readonly string[] {
  const { subjectAltName = '' } = readX509(der)
  return subjectAltName.split(', ').flatMap((entry) => {
    const [, name] = /^(?:DNS|IP Address):(.*)$/.exec(entry) ?? []
    if (name === undefined) return []
    return [isIPv6(name) ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name.toLowerCase()]
  })
}

/** SHA-1 of the DER in lower-case hex, the thumbprint that vCenter shows. */
export function thumbprint(der: Uint8Array): string {
  return readX509(der).fingerprint.replaceAll(':', '').toLowerCase()
}

function ownCertificate(
  certificates: readonly Certificate[],
  owners: readonly KeyOwner[],
): { certificate: Certificate; owner: number } {
  const held = owners.map(({ privateKey }) => createPublicKey(privateKey))
  for (const certificate of certificates) {
    const publicKey = createPublicKey(certificate.pem)
    const owner = held.findIndex((key) => key.equals(publicKey))
    if (owner >= 0) return { certificate, owner }
  }
  const subjects = certificates.map(({ subject }) => subject || '(no subject)').join('; ')
  if (certificates.every(({ isCa }) => isCa))
    throw new PkiError(
      `Only certificates of CAs are here (${subjects}). The server's own certificate is needed, with these behind it.`,
    )
  throw new PkiError(
    `The certificate (${subjects}) belongs to none of the keys that this server has: it was made from another ` +
      'request, or for another server. The request that waits for its certificate is shown by: mortise server-cert csr',
  )
}

/** Throws PkiError if the certificate is not valid at that moment. */
export function checkDates(certificate: Certificate, atMs: number): void {
  const { subject, notBeforeMs, notAfterMs, isCa } = certificate
  const which = isCa ? `The CA certificate ${subject}` : `The certificate ${subject}`
  if (atMs > notAfterMs) throw new PkiError(`${which} expired on ${dateText(notAfterMs)}.`)
  if (atMs < notBeforeMs)
    throw new PkiError(
      `${which} is valid only from ${dateText(notBeforeMs)}. Switch to it after that (--at), or set the clock right.`,
    )
}

function dateText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function checkUse(certificate: Certificate): void {
  if (certificate.isCa)
    throw new PkiError("This is the certificate of a CA: a server's certificate must not be one.")
  const parsed = readX509(certificate.der)
  const broken = brokenSignature(parsed)
  if (broken !== undefined)
    throw new PkiError(`The certificate is signed with ${broken}, which clients refuse.`)
  if (!allowsUse(parsed, 'serverAuth'))
    throw new PkiError(
      'The certificate is not for a TLS server: its extended key usage lacks serverAuth. Choose the template of a ' +
        'web server where it is signed.',
    )
  const usage = AsnConvert.parse(certificate.der, AsnCertificate).tbsCertificate.extensions?.find(
    ({ extnID }) => extnID === id_ce_keyUsage,
  )
  if (
    usage &&
    (AsnConvert.parse(usage.extnValue, KeyUsage).toNumber() & KeyUsageFlags.digitalSignature) === 0
  )
    throw new PkiError('The certificate is not for a TLS server: its key usage lacks digitalSignature.')
}

function checkNames(certificate: Certificate, neededNames: readonly string[]): readonly string[] {
  const names = namesIn(certificate.der)
  if (names.length === 0)
    throw new PkiError(
      'The certificate has no subject alternative name: no DNS name and no address. Its signer left out what the ' +
        'request asked for.',
    )
  const missing = neededNames.filter((name) => !names.some((pattern) => nameMatches(name, pattern)))
  if (missing.length === 0) return []
  return [`the certificate lacks ${missing.join(', ')}: clients that use such a name may refuse it`]
}

/** RFC 6125 §6.4.3: a star stands for one whole label, the first one. */
export function nameMatches(name: string, pattern: string): boolean {
  if (!pattern.startsWith('*.')) return name.toLowerCase() === pattern.toLowerCase()
  const dot = name.indexOf('.')
  return dot > 0 && name.slice(dot).toLowerCase() === pattern.slice(1).toLowerCase()
}

/**
 * Orders the server's own certificate and its issuers into a chain. Throws PkiError for a certificate that does not belong to the
 * chain.
 */
function inOrder(certificate: Certificate, certificates: readonly Certificate[]): readonly Certificate[] {
  const rest = certificates.filter((other) => other !== certificate)
  const chain = [certificate]
  for (let last = certificate; ;) {
    const above = rest.findIndex((candidate) => issued(candidate, last))
    const [next] = above < 0 ? [] : rest.splice(above, 1)
    if (!next) break
    chain.push(next)
    last = next
  }
  const [stray] = rest
  if (stray) throw new PkiError(noPlace(stray, chain))
  return chain
}

/** The text for a certificate that does not fit. It may be a renewed certificate, or one that a second CA also signed. */
function noPlace(stray: Certificate, chain: readonly Certificate[]): string {
  const { subject, issuer, der } = stray
  const twin = chain.find((one) => one.subject === subject && sameAuthority(one.der, der))
  if (!twin)
    return `The certificate ${subject} has no place in the chain: it signed none of the others. Leave it out.`
  const two = `There are two certificates of ${subject}`
  if (twin.issuer !== issuer)
    return `${two}: one is issued by ${issuer}, one by ${twin.issuer}. Leave out the one of the issuer that your clients do not know.`
  const [one, other] = [stray, twin].map(({ notAfterMs }) => new Date(notAfterMs).toISOString().slice(0, 10))
  return `${two} by ${issuer}: one is valid until ${one}, one until ${other}. Leave out the older one.`
}

function issued(above: Certificate, below: Certificate): boolean {
  if (!above.isCa) return false
  const [issuer, leaf] = [readX509(above.der), readX509(below.der)]
  return leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey)
}
