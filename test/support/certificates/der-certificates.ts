// Certificates written byte by byte, with what no library would write: dates that are no dates, names of thousands of
// parts, values nested hundreds deep. Each is signed with a key that exists, so a TLS client can show it.

import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  type KeyObject,
} from 'node:crypto'

/** Parts that replace those of an ordinary certificate; each is whole DER. */
export interface CertificateParts {
  readonly subject?: Buffer
  readonly issuer?: Buffer
  readonly validity?: Buffer
  /** SubjectPublicKeyInfo. */
  readonly publicKey?: Buffer
  /** Instead of the key that these certificates share. */
  readonly signWith?: KeyObject
}

export interface MadeCertificate {
  readonly der: Buffer
  /** SHA-256 of `der`, lower-case hex. */
  readonly sha256: string
  readonly pem: string
  /** To spread into the options of tls.connect. */
  readonly tls: { readonly cert: string; readonly key: string }
}

const sharedKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

/** Self-signed, EC P-256, valid from 2026 to 2036; each has a serial number of its own. */
export function writeCertificate(parts: CertificateParts = {}): MadeCertificate {
  const key = parts.signWith ?? sharedKey
  const subject = parts.subject ?? commonName('kmipClient20261125094708')
  const algorithm = element(0x30, oid('2a8648ce3d040302'))
  const toBeSigned = element(
    0x30,
    element(0xa0, Buffer.from('020102', 'hex')),
    element(0x02, Buffer.of(0x11), randomBytes(15)),
    algorithm,
    parts.issuer ?? subject,
    parts.validity ?? validity('260101000000Z', '360101000000Z'),
    subject,
    parts.publicKey ?? Buffer.from(createPublicKey(key).export({ type: 'spki', format: 'der' })),
  )
  const signature = sign('sha256', toBeSigned, key)
  const der = element(0x30, toBeSigned, algorithm, element(0x03, Buffer.of(0), signature))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
  return {
    der,
    sha256: createHash('sha256').update(der).digest('hex'),
    pem,
    tls: { cert: pem, key: key.export({ type: 'pkcs8', format: 'pem' }).toString() },
  }
}

/** Two dates as UTCTime (13 characters) or GeneralizedTime (others), whatever the characters are. */
export function validity(notBefore: string, notAfter: string): Buffer {
  const time = (text: string) => element(text.length === 13 ? 0x17 : 0x18, Buffer.from(text, 'latin1'))
  return element(0x30, time(notBefore), time(notAfter))
}

/** A name of one common name. */
export function commonName(text: string): Buffer {
  return name([element(0x0c, Buffer.from(text))])
}

/** A name of one common name for each of the values, which are whole DER. */
export function name(values: readonly Buffer[]): Buffer {
  const parts = values.map((value) => element(0x31, element(0x30, oid('550403'), value)))
  return element(0x30, ...parts)
}

/** An element of this kind within itself, `depth` times. */
export function nested(tag: number, depth: number): Buffer {
  const heads: Buffer[] = []
  let length = 0
  for (let level = 0; level < depth; level++) {
    const outer = head(tag, length)
    heads.push(outer)
    length += outer.length
  }
  return Buffer.concat(heads.toReversed())
}

/** Tag, length in the shortest form, content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([head(tag, length), ...content])
}

function head(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.of(tag, length)
  const digits = length.toString(16)
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex')
  return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length), bytes])
}

function oid(hex: string): Buffer {
  return element(0x06, Buffer.from(hex, 'hex'))
}
