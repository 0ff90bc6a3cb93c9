// What Node's X509Certificate tells of a certificate, with its traps closed: it prefers a certificate that lies inside
// another as text, and gives a random date where there is none.

import { X509Certificate } from 'node:crypto'
import { DerError } from './der.ts'

/**
 * The certificate that these bytes are. Node looks for PEM first, also inside DER: a certificate of a stranger that
 * holds another's as text would be read as that other one. Throws DerError for that, and OpenSSL's errors.
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
 * undefined where a date is none (31 February, `xxxxxxxxxxxxx`). OpenSSL takes such certificates, and Node's dates of them
 * come from memory that nobody wrote: NaN mostly, but any date at times. Only the text tells.
 */
export function readDates(certificate: X509Certificate): Validity | undefined {
  const { validFrom, validTo, validFromDate, validToDate } = certificate
  if (!dateText.test(validFrom) || !dateText.test(validTo)) return undefined
  return { notBeforeMs: validFromDate.getTime(), notAfterMs: validToDate.getTime() }
}

/** As OpenSSL prints a date: `Nov 25 09:47:08 2026 GMT`; `Bad time value` where it is none. */
const dateText = /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(\.\d+)? \d{1,4} GMT$/

/** With these, whoever gets one harmless certificate signed could make another with a subject of their choice. */
export const brokenHash = /md[245]|sha1(?!\d)/i

const modulusBitsMin = 2048

/** What is weak about it, in sentences for whoever trusts it. */
export function weaknessesOf({ publicKey, signatureAlgorithm = '' }: X509Certificate): readonly string[] {
  const { modulusLength: bits = modulusBitsMin } = publicKey.asymmetricKeyDetails ?? {}
  return [
    ...(bits < modulusBitsMin
      ? [
          `its key has ${bits} bits, and less than ${modulusBitsMin} can be broken: whoever does that is this client`,
        ]
      : []),
    ...(brokenHash.test(signatureAlgorithm)
      ? [`it is signed with ${signatureAlgorithm}, which can be forged`]
      : []),
  ]
}

const purposes = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' } as const
const anyPurpose = '2.5.29.37.0'

/** By its extended key usage; without one a certificate is good for everything (RFC 5280 §4.2.1.12). */
export function allowsUse({ keyUsage }: X509Certificate, purpose: keyof typeof purposes): boolean {
  // Node gives the extended key usage under this name.
  const allowed: readonly string[] | undefined = keyUsage
  return allowed === undefined || allowed.includes(purposes[purpose]) || allowed.includes(anyPurpose)
}
