// Certificates that a stranger can show in a handshake and that nobody can read: OpenSSL takes each of them. Also what only
// looks like one: a certificate that carries another's as text.

import { commonName, element, name, nested, validity, writeCertificate } from './der-certificates.ts'
import type { MadeCertificate } from './der-certificates.ts'

const text = (length: number) => element(0x0c, Buffer.alloc(length, 'a'))

/** New ones with each call, by what is wrong with them. None can be read. */
export function unreadableCertificates(): ReadonlyMap<string, MadeCertificate> {
  const issuer = commonName('a')
  const parts = {
    'an end that is no date': { validity: validity('260101000000Z', 'xxxxxxxxxxxxx') },
    'a beginning that is no date': { validity: validity('xxxxxxxxxxxxx', '360101000000Z') },
    'the 31st of February': { validity: validity('260231000000Z', '360101000000Z') },
    'a month 13': { validity: validity('260101000000Z', '361301000000Z') },
    'a year of six digits': { validity: validity('260101000000Z', '100000101000000Z') },
    'a name of 4,900 parts': { issuer, subject: name(Array.from({ length: 4_900 }, () => text(1))) },
    'an issuer of 1,000 parts': { issuer: name(Array.from({ length: 1_000 }, () => text(1))) },
    'a name of 65 parts': { subject: name(Array.from({ length: 65 }, () => text(1))) },
    'a name of 60,000 characters': { issuer, subject: name([text(60_000)]) },
    'a name nested 200 deep': { issuer, subject: name([nested(0x30, 200)]) },
    'a name nested 10,000 deep': { issuer, subject: name([nested(0x30, 10_000)]) },
    'a name with an empty part': { issuer, subject: element(0x30, element(0x31)) },
  }
  return new Map(Object.entries(parts).map(([what, part]) => [what, writeCertificate(part)]))
}

/** With a public key that is none: nobody can show it in a handshake, but it can be pasted. */
export function certificateWithoutKey(): MadeCertificate {
  const rsa = element(0x30, element(0x06, Buffer.from('2a864886f70d010101', 'hex')))
  return writeCertificate({ publicKey: element(0x30, rsa, element(0x03, Buffer.of(0, 1, 2, 3))) })
}

/** A certificate of its own key and fingerprint, in whose subject lies another's PEM. */
export function certificateAround(inner: { readonly pem: string }): MadeCertificate {
  return writeCertificate({ subject: commonName(`kmipClient1\n${inner.pem}`) })
}
