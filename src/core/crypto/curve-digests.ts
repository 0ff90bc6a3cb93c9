// ECDSA over a digest that the client sends. Node only signs data, so @noble/curves computes these signatures, on a thread of the
// pool. docs/decisions/ecdsa-noble-curves.md describes what that means for the key. OpenSSL computes everything else on curves.

import { randomBytes, type KeyObject } from 'node:crypto'
import { p256, p384, p521 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { requireInModule } from './approved.ts'
import { CryptoError } from './error.ts'
import { decodeKey } from './key-formats.ts'
import type { KeyParts } from './key-parts.ts'

/** By OpenSSL's names of the curves. */
const curves: Readonly<Record<string, typeof p256>> = {
  prime256v1: p256,
  secp384r1: p384,
  secp521r1: p521,
  secp256k1,
}

/** Throws CryptoError `unsupported` for a key on another curve. */
export function requireDigestCurve(key: KeyObject): void {
  curveOf(key)
}

/** A signature in DER, as OpenSSL writes it. `pkcs8`: the bytes of the same key. */
export function signDigest(key: KeyObject, pkcs8: Uint8Array, digest: Uint8Array): Uint8Array {
  const curve = curveOf(key)
  requireDigest(digest)
  const scalar = Buffer.alloc(curve.lengths.secretKey ?? 0)
  try {
    const bytes = scalarOf(decodeKey('PKCS_8', true, pkcs8))
    scalar.set(
      bytes.subarray(Math.max(0, bytes.length - scalar.length)),
      Math.max(0, scalar.length - bytes.length),
    )
    // Fresh entropy makes the nonce of each signature unique (RFC 6979 §3.6).
    const extraEntropy = new Uint8Array(randomBytes(32))
    return curve.sign(digest, scalar, { prehash: false, lowS: false, format: 'der', extraEntropy })
  } finally {
    scalar.fill(0)
  }
}

export function verifyDigest(key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean {
  const curve = curveOf(key)
  requireDigest(digest)
  const point = pointOf(decodeKey('X_509', false, key.export({ format: 'der', type: 'spki' })))
  try {
    return curve.verify(signature, digest, point, { prehash: false, lowS: false, format: 'der' })
  } catch {
    // The bytes are not a signature.
    return false
  }
}

function curveOf(key: KeyObject): typeof p256 {
  requireInModule('A signature of a digest that the client brings, which OpenSSL does not compute,')
  const curve = curves[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (curve) return curve
  throw new CryptoError(
    'unsupported',
    'this server signs digests on P-256, P-384, P-521 and secp256k1: on other curves give it the data',
  )
}

/** The longest digest is that of SHA-512. If a digest is longer than the curve, only its first bits count (FIPS 186-5 §6.4.1). */
function requireDigest(digest: Uint8Array): void {
  if (digest.length === 0 || digest.length > 64)
    throw new CryptoError('invalid', 'a digest has 1 to 64 bytes')
}

function scalarOf(parts: KeyParts): Uint8Array {
  if (parts.kind === 'ec' && parts.isPrivate) return parts.scalar
  throw new CryptoError('invalid', 'this needs a private key on a curve')
}

function pointOf(parts: KeyParts): Uint8Array {
  if (parts.kind === 'ec' && !parts.isPrivate) return parts.point
  throw new CryptoError('invalid', 'this needs a public key on a curve')
}
