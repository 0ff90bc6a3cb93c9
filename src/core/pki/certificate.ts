// A certificate as the rest of Mortise sees it: fingerprint, names, dates and kind. This file trusts nothing.
// core/trust/access.ts decides about trust, with the functions of match.ts.

import type { KeyObject } from 'node:crypto'
import { elementAt, soleElement } from './der.ts'
import { PkiError } from './error.ts'
import { fingerprint } from './fingerprint.ts'
import { pemText, readPaste } from './paste.ts'
import { isPrintable, nameText, readName, type Subject } from './subject.ts'
import { readDates, readX509, weaknessesOf } from './x509.ts'

export interface Certificate {
  readonly der: Uint8Array
  /** SHA-256 of `der`, lower-case hex. */
  readonly sha256: string
  /** RFC 4514 text, safe to show. In an untrusted certificate it is an unverified claim. */
  readonly subject: string
  readonly subjectName: Subject
  /**
   * Null if there is no common name, more than one, or one that cannot be shown. Such a certificate matches no filter.
   */
  readonly commonName: string | null
  readonly issuer: string
  /** Lower-case hex. */
  readonly serial: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Whether the basic constraints say CA:TRUE. */
  readonly isCa: boolean
  /** `RSA 2048`, `EC P-256`, `Ed25519`, ... */
  readonly publicKey: string
  /** Sentences for the administrator who trusts the certificate. */
  readonly weaknesses: readonly string[]
  readonly pem: string
}

/**
 * Reads the only certificate in a pasted text: PEM in all its variants, or DER. Throws PkiError for anything else and for several
 * certificates, with words for the person who pasted the text. A certificate that is there twice counts once.
 */
export function parseCertificate(pemOrDer: string | Uint8Array): Certificate {
  const [certificate, ...others] = parseCertificates(pemOrDer)
  if (!certificate) throw new PkiError('There is no certificate here.')
  if (others.length > 0) throw new PkiError(severalCertificates([certificate, ...others]))
  return certificate
}

/** Reads a certificate that came from a peer. Null if it cannot be read. Never throws. */
export function certificateOrNull(der: Uint8Array): Certificate | null {
  try {
    return parseCertificate(der)
  } catch {
    return null
  }
}

/** All certificates of a pasted text in order, without duplicates. Throws PkiError like parseCertificate. */
export function parseCertificates(pemOrDer: string | Uint8Array): readonly Certificate[] {
  const unique = new Map<string, Certificate>()
  for (const der of readPaste(pemOrDer, 'certificate')) {
    const certificate = readCertificate(der)
    unique.set(certificate.sha256, certificate)
  }
  return [...unique.values()]
}

/** Works for any bytes, even if they cannot be parsed. */
export function certificatePem(der: Uint8Array): string {
  return pemText('CERTIFICATE', der)
}

function readCertificate(der: Uint8Array): Certificate {
  const parsed = attempt(notOne, () => readX509(der))
  const names = attempt(unreadable('subject or issuer'), () => readNames(parsed.raw))
  const dates = readDates(parsed)
  if (!dates) throw new PkiError(unreadable('dates'))
  const publicKey = attempt(unreadable('public key'), () => publicKeyText(parsed.publicKey))
  return {
    der: parsed.raw,
    sha256: fingerprint(parsed.raw),
    subject: nameText(names.subject),
    subjectName: names.subject,
    commonName: soleCommonName(names.subject),
    issuer: nameText(names.issuer),
    serial: parsed.serialNumber.toLowerCase(),
    ...dates,
    isCa: parsed.ca,
    publicKey,
    weaknesses: weaknessesOf(parsed),
    pem: certificatePem(parsed.raw),
  }
}

const notOne =
  'This has the outer form of a certificate, but its content is not one, or there is other data behind or inside it. ' +
  'Copy it again, or export it again from where it comes from.'

function unreadable(what: string): string {
  return `The ${what} of this certificate cannot be read, so it cannot be trusted. Have a new one made.`
}

/** Turns any error into a PkiError with this text. */
function attempt<T>(text: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new PkiError(text, { cause })
  }
}

function soleCommonName(subject: Subject): string | null {
  const [name, ...others] = subject.flat().filter(({ type }) => type === 'CN')
  return name && others.length === 0 && isPrintable(name.value) ? name.value : null
}

const [integer, sequence, versionTag] = [0x02, 0x30, 0xa0]

/**
 * Finds subject and issuer by walking the DER. Parsing the whole certificate with the ASN.1 library takes many times as long, and
 * OpenSSL's text form of a name cannot be split safely. Throws DerError. TBSCertificate: [0] version, serial, signature, issuer,
 * validity, subject, ... (RFC 5280 §4.1)
 */
export function readNames(der: Buffer): { readonly subject: Subject; readonly issuer: Subject } {
  const signed = elementAt(soleElement(der, sequence).content, 0, sequence).content
  let at = 0
  const next = (...tags: readonly number[]): Buffer => {
    const from = at
    at = elementAt(signed, at, ...tags).endAt
    return signed.subarray(from, at)
  }
  if (signed[0] === versionTag) next(versionTag)
  next(integer)
  next(sequence)
  const issuer = next(sequence)
  next(sequence)
  return { issuer: readName(issuer), subject: readName(next(sequence)) }
}

const curveNames: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
}

/** `RSA 2048`, `EC P-256`, `Ed25519`, ... */
export function publicKeyText(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {}
  const type: string = key.asymmetricKeyType ?? 'unknown'
  if (type === 'rsa' || type === 'rsa-pss') return `${type.toUpperCase()} ${modulusLength ?? '?'}`
  if (type === 'ec') return `EC ${curveNames[namedCurve ?? ''] ?? namedCurve ?? 'of an unnamed curve'}`
  return type.startsWith('ed') ? `Ed${type.slice(2)}` : type.toUpperCase()
}

function severalCertificates(certificates: readonly Certificate[]): string {
  const shown = certificates
    .slice(0, 8)
    .map(
      (certificate, index) =>
        `${index + 1}. ${certificate.subject || '(no subject)'}` +
        (certificate.isCa ? ' - a CA' : ' - not a CA') +
        (certificate.subject === certificate.issuer ? ', self-signed' : `, issued by ${certificate.issuer}`),
    )
  const leaf = certificates.findIndex(({ isCa }) => !isCa)
  const ca = certificates.findIndex(({ isCa }) => isCa)
  const advice = [
    leaf >= 0 ? `To trust one client, paste only its own certificate, here number ${leaf + 1}.` : '',
    ca >= 0 ? `To trust clients by the CA that signs them, paste only that CA, here number ${ca + 1}.` : '',
  ]
  return [
    `There are ${certificates.length} certificates here, and one is needed: ${shown.join('; ')}.`,
    ...advice,
  ]
    .filter(Boolean)
    .join(' ')
}
