// Wraps Node's X509Certificate, which has two traps: it prefers a PEM text inside a certificate to the certificate itself, and it
// returns a random date for an invalid one.

import { X509Certificate } from 'node:crypto'
import { DerError, dottedIdentifier, elementAt, soleElement } from './der.ts'

/**
 * Parses the certificate in these bytes. Node looks for PEM first, even inside DER, so it would read the embedded certificate of
 * an attacker instead of the outer one. Throws DerError for such a certificate, and OpenSSL's errors.
 */
export function readX509(der: Uint8Array): X509Certificate {
  const certificate = new X509Certificate(der)
  if (!certificate.raw.equals(der)) throw new DerError('this is more than one certificate')
  return certificate
}

/** Milliseconds since 1970. */
export interface Validity {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/**
 * Undefined for an invalid date (31 February, `xxxxxxxxxxxxx`). OpenSSL accepts such certificates, and Node then reads
 * the date from uninitialized memory: mostly NaN, but sometimes any date. Only the text form is reliable.
 */
export function readDates(certificate: X509Certificate): Validity | undefined {
  const { validFrom, validTo, validFromDate, validToDate } = certificate
  if (!dateText.test(validFrom) || !dateText.test(validTo)) return undefined
  return { notBeforeMs: validFromDate.getTime(), notAfterMs: validToDate.getTime() }
}

/** A date as OpenSSL prints it: `Nov 25 09:47:08 2026 GMT`, or `Bad time value` for an invalid one. */
const dateText = /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(\.\d+)? \d{1,4} GMT$/

/**
 * The signature algorithm of the certificate, if its hash has known collisions: an attacker who gets one harmless certificate
 * signed could forge another with any subject. Undefined: the hash has no known collisions.
 */
export function brokenSignature({ raw, signatureAlgorithm = '' }: X509Certificate): string | undefined {
  if (brokenHash.test(signatureAlgorithm)) return signatureAlgorithm
  return signatureAlgorithm === 'rsassaPss' && !hasNistHash(raw) ? 'RSASSA-PSS and an old hash' : undefined
}

const brokenHash = /md[245]|sha1(?!\d)/i

/** Whether a certificate with an RSASSA-PSS signature uses SHA-2, SHA-3 or SHAKE. */
function hasNistHash(der: Buffer): boolean {
  try {
    return pssHash(der).startsWith('2.16.840.1.101.3.4.2.')
  } catch (error) {
    if (error instanceof DerError) return false
    throw error
  }
}

/** The hash among the parameters of RSASSA-PSS. Absent means SHA-1 (RFC 4055 §3.1). */
function pssHash(der: Buffer): string {
  const [sequence, identifier, hashAlgorithm, sha1] = [0x30, 0x06, 0xa0, '1.3.14.3.2.26']
  const certificate = soleElement(der, sequence).content
  const algorithm = elementAt(certificate, elementAt(certificate, 0, sequence).endAt, sequence).content
  const parametersAt = elementAt(algorithm, 0, identifier).endAt
  if (parametersAt === algorithm.length) return sha1
  const parameters = elementAt(algorithm, parametersAt, sequence).content
  if (parameters[0] !== hashAlgorithm) return sha1
  const hash = soleElement(elementAt(parameters, 0, hashAlgorithm).content, sequence).content
  return dottedIdentifier(elementAt(hash, 0, identifier).content)
}

const modulusBitsMin = 2048

/** The weaknesses of the certificate, in sentences for the administrator who trusts it. */
export function weaknessesOf(certificate: X509Certificate): readonly string[] {
  const { modulusLength: bits = modulusBitsMin } = certificate.publicKey.asymmetricKeyDetails ?? {}
  const broken = brokenSignature(certificate)
  return [
    ...(bits < modulusBitsMin
      ? [
          `its key has ${bits} bits, and less than ${modulusBitsMin} can be broken: an attacker who does that can act as this client`,
        ]
      : []),
    ...(broken === undefined ? [] : [`it is signed with ${broken}, which can be forged`]),
  ]
}

const purposes = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' } as const
const anyPurpose = '2.5.29.37.0'

/**
 * Whether its extended key usage allows this purpose. A certificate without extended key usage allows every purpose (RFC 5280
 * §4.2.1.12).
 */
export function allowsUse({ keyUsage }: X509Certificate, purpose: keyof typeof purposes): boolean {
  // Node calls the extended key usage `keyUsage`.
  const allowed: readonly string[] | undefined = keyUsage
  return allowed === undefined || allowed.includes(purposes[purpose]) || allowed.includes(anyPurpose)
}
