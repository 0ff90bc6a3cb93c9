// The signature algorithms of certificates and requests, in one table for signing and verifying.

import { sign, verify, type KeyObject } from 'node:crypto'
import { AlgorithmIdentifier } from '@peculiar/asn1-x509'

interface Signature {
  readonly identifier: string
  /** Null: the algorithm includes its own hash. */
  readonly hash: string | null
  readonly key: 'rsa' | 'ec' | 'ed25519'
}

const signatures = {
  sha1WithRSAEncryption: { identifier: '1.2.840.113549.1.1.5', hash: 'sha1', key: 'rsa' },
  sha256WithRSAEncryption: { identifier: '1.2.840.113549.1.1.11', hash: 'sha256', key: 'rsa' },
  sha384WithRSAEncryption: { identifier: '1.2.840.113549.1.1.12', hash: 'sha384', key: 'rsa' },
  sha512WithRSAEncryption: { identifier: '1.2.840.113549.1.1.13', hash: 'sha512', key: 'rsa' },
  'ecdsa-with-SHA1': { identifier: '1.2.840.10045.4.1', hash: 'sha1', key: 'ec' },
  'ecdsa-with-SHA256': { identifier: '1.2.840.10045.4.3.2', hash: 'sha256', key: 'ec' },
  'ecdsa-with-SHA384': { identifier: '1.2.840.10045.4.3.3', hash: 'sha384', key: 'ec' },
  'ecdsa-with-SHA512': { identifier: '1.2.840.10045.4.3.4', hash: 'sha512', key: 'ec' },
  Ed25519: { identifier: '1.3.101.112', hash: null, key: 'ed25519' },
} as const satisfies Record<string, Signature>

export type SignatureAlgorithm = keyof typeof signatures

/** RSA's identifiers have NULL parameters (RFC 4055 §5), the others none (RFC 5758 §3.2, RFC 8410 §3). */
export function algorithmIdentifier(algorithm: SignatureAlgorithm): AlgorithmIdentifier {
  const { identifier, key } = signatures[algorithm]
  return new AlgorithmIdentifier({ algorithm: identifier, ...(key === 'rsa' && { parameters: null }) })
}

/** Runs on Node's thread pool. */
export function signBytes(algorithm: SignatureAlgorithm, bytes: Uint8Array, key: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(signatures[algorithm].hash, bytes, key, (error, signature) =>
      error ? reject(error) : resolve(signature),
    )
  })
}

/**
 * Runs on Node's thread pool. False also if the key does not suit the algorithm. Undefined: the algorithm is not in the table.
 */
export function verifyBytes(
  identifier: string,
  bytes: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
): Promise<boolean> | undefined {
  const known = Object.values<Signature>(signatures).find((entry) => entry.identifier === identifier)
  if (!known) return undefined
  if (known.key !== key.asymmetricKeyType) return Promise.resolve(false)
  return new Promise((resolve, reject) => {
    verify(known.hash, bytes, key, signature, (error, good) => (error ? reject(error) : resolve(good)))
  })
}
