// A certificate as the rest of Mortise sees it: its fingerprint, names, dates and kind, and nothing trusted because
// of them. Whether it opens a door is decided in trust/access with the tools of match.ts.

import { X509Certificate, type KeyObject } from 'node:crypto'
import { PkiError } from './error.ts'
import { fingerprint } from './fingerprint.ts'
import { readPaste } from './paste.ts'
import { isPrintable, nameText, readName, type Subject } from './subject.ts'

export interface Certificate {
  readonly der: Uint8Array
  /** SHA-256 of `der`, lower-case hex. */
  readonly sha256: string
  /** RFC 4514 text, safe to show. From an untrusted certificate it is a stranger's claim. */
  readonly subject: string
  readonly subjectName: Subject
  /** null where there is none, more than one, or one that cannot be shown: such a certificate matches no filter. */
  readonly commonName: string | null
  readonly issuer: string
  /** Lower-case hex. */
  readonly serial: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Basic constraints say CA:TRUE. */
  readonly isCa: boolean
  /** `RSA 2048`, `EC P-256`, `Ed25519`, ... */
  readonly publicKey: string
  readonly pem: string
}

/**
 * The one certificate in a paste: PEM in all its disguises, or DER. Throws PkiError with words for the person who
 * pasted something else, or several certificates (the same one twice counts once).
 */
export function parseCertificate(pemOrDer: string | Uint8Array): Certificate {
  const [certificate, ...others] = parseCertificates(pemOrDer)
  if (!certificate) throw new PkiError('There is no certificate here.')
  if (others.length > 0) throw new PkiError(severalFound([certificate, ...others]))
  return certificate
}

/** All certificates of a paste, each once, in its order. Throws PkiError as parseCertificate does. */
export function parseCertificates(pemOrDer: string | Uint8Array): readonly Certificate[] {
  const found = new Map<string, Certificate>()
  for (const der of readPaste(pemOrDer, 'certificate')) {
    const certificate = readCertificate(der)
    found.set(certificate.sha256, certificate)
  }
  return [...found.values()]
}

function readCertificate(der: Uint8Array): Certificate {
  let parsed: X509Certificate
  let names: { subject: Subject; issuer: Subject }
  try {
    parsed = new X509Certificate(der)
    names = readNames(parsed.raw)
  } catch (error) {
    throw new PkiError(
      'This has the outer form of a certificate, but its content is not one. Copy it again, or export it again ' +
        'from where it comes from.',
      { cause: error },
    )
  }
  if (parsed.raw.length !== der.length) throw new PkiError('There is other data behind the certificate.')
  return {
    der: parsed.raw,
    sha256: fingerprint(parsed.raw),
    subject: nameText(names.subject),
    subjectName: names.subject,
    commonName: soleCommonName(names.subject),
    issuer: nameText(names.issuer),
    serial: parsed.serialNumber.toLowerCase(),
    notBeforeMs: parsed.validFromDate.getTime(),
    notAfterMs: parsed.validToDate.getTime(),
    isCa: parsed.ca,
    publicKey: describeKey(parsed),
    pem: parsed.toString(),
  }
}

function soleCommonName(subject: Subject): string | null {
  const [name, ...others] = subject.flat().filter(({ type }) => type === 'CN')
  return name && others.length === 0 && isPrintable(name.value) ? name.value : null
}

/**
 * Subject and issuer, found by walking the DER that OpenSSL has accepted. A parse of the whole certificate by the
 * ASN.1 library costs five times as much (0.27 ms), and OpenSSL's text form of a name cannot be taken apart safely.
 * TBSCertificate: [0] version, serial, signature, issuer, validity, subject, ... (RFC 5280 §4.1)
 */
function readNames(der: Buffer): { subject: Subject; issuer: Subject } {
  const tbs = elementAt(der, elementAt(der, 0).contentAt)
  let at = tbs.contentAt
  if (der[at] === 0xa0) at = elementAt(der, at).endAt
  const fields: Buffer[] = []
  while (fields.length < 5) {
    const { endAt } = elementAt(der, at)
    fields.push(der.subarray(at, endAt))
    at = endAt
  }
  const [, , issuer, , subject] = fields
  if (!issuer || !subject) throw new RangeError('the certificate ends too early')
  return { issuer: readName(issuer), subject: readName(subject) }
}

function elementAt(der: Buffer, at: number): { contentAt: number; endAt: number } {
  const first = der.readUInt8(at + 1)
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes)
  const contentAt = at + 2 + lengthBytes
  if (contentAt + length > der.length) throw new RangeError('an element is longer than the certificate')
  return { contentAt, endAt: contentAt + length }
}

const curveNames: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
}

function describeKey(certificate: X509Certificate): string {
  try {
    return publicKeyText(certificate.publicKey)
  } catch {
    // Of a kind that OpenSSL does not know, which no TLS connection can use either.
    return 'unknown'
  }
}

/** `RSA 2048`, `EC P-256`, `Ed25519`, ... */
export function publicKeyText(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {}
  const type: string = key.asymmetricKeyType ?? 'unknown'
  if (type === 'rsa' || type === 'rsa-pss') return `${type.toUpperCase()} ${modulusLength ?? '?'}`
  if (type === 'ec') return `EC ${curveNames[namedCurve ?? ''] ?? namedCurve ?? 'of an unnamed curve'}`
  return type.startsWith('ed') ? `Ed${type.slice(2)}` : type.toUpperCase()
}

function severalFound(certificates: readonly Certificate[]): string {
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
  return [`There are ${certificates.length} certificates here, and one is needed:`, ...shown, ...advice]
    .filter(Boolean)
    .join('\n')
}
