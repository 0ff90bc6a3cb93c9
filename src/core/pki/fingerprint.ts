// SHA-256 fingerprints of certificates: 64 lower-case hex digits internally, pairs with colons for people. This file
// parses no certificates, so the mTLS listener can identify a peer for the cost of one hash.

import { hash } from 'node:crypto'
import { PkiError } from './error.ts'

/** The fingerprint of a certificate's DER, in lower-case hex. */
export function fingerprint(der: Uint8Array): string {
  return hash('sha256', der, 'hex')
}

/** The form that browsers, openssl and vCenter show: `AA:BB:...`, 32 pairs. */
export function formatFingerprint(sha256: string): string {
  return (sha256.toUpperCase().match(/../g) ?? []).join(':')
}

/** Converts either form, with or without `SHA256 Fingerprint=` or `sha256:` before it, to 64 lower-case hex digits. */
export function parseFingerprint(text: string): string {
  const digits = text
    .trim()
    .replace(/^sha-?256(\s+fingerprint)?\s*[=:]/i, '')
    .replace(/[:\s]/g, '')
    .toLowerCase()
  if (/^[0-9a-f]{64}$/.test(digits)) return digits
  if (/^(sha-?1(fingerprint)?=?)?[0-9a-f]{40}$/.test(digits))
    throw new PkiError(
      'This is a SHA-1 fingerprint (40 hex digits). The SHA-256 fingerprint is needed (64 hex digits).',
    )
  throw new PkiError(
    'This is not a SHA-256 fingerprint, which is 64 hex digits, with or without colons. All of them are needed: ' +
      'the first few do not name a certificate.',
  )
}
