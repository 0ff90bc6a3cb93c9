// The algorithms that FIPS mode permits. OpenSSL's provider has the last word: this server refuses what the provider refuses.
// This file names algorithms that never reach the provider, and those that the provider would refuse without a reason.

import { fipsMode, notApproved } from '../../base/fips.ts'
import { CryptoError } from './error.ts'

/** By KMIP's names. The provider decrypts with triple DES but does not encrypt with it. */
const ciphers: ReadonlySet<string> = new Set(['AES', 'DES3'])
const brokenHashes: ReadonlySet<string> = new Set(['MD5', 'RIPEMD_160'])
const curves: ReadonlySet<string> = new Set(['P_224', 'P_256', 'P_384', 'P_521', 'Ed25519', 'Ed448'])

/** Jobs that our own code or a library computes, outside OpenSSL's module. */
const outside: Readonly<Record<string, string>> = {
  'split-key': 'Splitting a key',
  'join-key': 'Joining a split key',
  'write-pkcs12': 'A PKCS#12 container',
  'read-pkcs12': 'A PKCS#12 container',
}

/** Throws CryptoError `unsupported`. `algorithm`: KMIP's name. */
export function requireApprovedCipher(algorithm: string): void {
  if (fipsMode && !ciphers.has(algorithm)) throw refused(algorithm)
}

/** Throws CryptoError `unsupported`. `name`: KMIP's. */
export function requireApprovedHash(name: string): void {
  if (fipsMode && brokenHashes.has(name)) throw refused(name)
}

/** `curve`: KMIP's name. */
export function isApprovedCurve(curve: string): boolean {
  return !fipsMode || curves.has(curve)
}

/** Throws CryptoError `unsupported`. */
export function requireInModule(what: string): void {
  if (fipsMode) throw refused(what)
}

/** Runs the job with this name. In FIPS mode an error of OpenSSL becomes a CryptoError `unsupported` with the reason. */
export function runApproved<T>(name: string, run: () => T): T {
  if (!fipsMode) return run()
  const what = outside[name]
  if (what !== undefined) throw refused(what)
  try {
    return run()
  } catch (error) {
    const reason =
      openSslReason(error) ?? (error instanceof CryptoError ? openSslReason(error.cause) : undefined)
    if (reason === undefined) throw error
    throw new CryptoError('unsupported', `the FIPS provider refuses this computation or its key: ${reason}`, {
      cause: error,
    })
  }
}

function refused(what: string): CryptoError {
  return new CryptoError('unsupported', notApproved(what))
}

/** The reason in an error of OpenSSL. Undefined: the error is not from OpenSSL. */
function openSslReason(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof CryptoError) return undefined
  const [, reason] = /^error:[0-9A-F]+:[^:]*:[^:]*:(.+)$/.exec(error.message) ?? []
  const code = 'code' in error ? String(error.code) : ''
  return (
    reason ??
    (/^ERR_(OSSL|CRYPTO)_/.test(code) || error.message.startsWith('Failed to ') ? error.message : undefined)
  )
}
