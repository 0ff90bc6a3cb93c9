// New key pairs. Pure except for the random number generator.

import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto'
import { rsaBitsMax } from './bounds.ts'
import { CryptoError } from './error.ts'
import { nodeType, type QuantumSafeName } from './post-quantum.ts'

/** The shortest RSA keys that the server makes. */
const rsaBitsMin = 2_048

export type KeyPairParameters =
  | { readonly type: 'rsa'; readonly bits: number; readonly exponent?: number }
  /** `curve`: OpenSSL's name: prime256v1, secp384r1, secp521r1, secp256k1, secp224r1, ... */
  | { readonly type: 'ec'; readonly curve: string }
  | { readonly type: 'ed25519' | 'x25519' | 'ed448' | 'x448' }
  | { readonly type: 'quantum-safe'; readonly algorithm: QuantumSafeName }

/** Both in DER: SubjectPublicKeyInfo and PKCS#8. */
export interface KeyPair {
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

/** CryptoError `unsupported` for a length or curve that the server does not make. */
export function generateKeyPair(parameters: KeyPairParameters): KeyPair {
  const { publicKey, privateKey } = generate(parameters)
  return {
    publicKey: publicKey.export({ format: 'der', type: 'spki' }),
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }),
  }
}

function generate(parameters: KeyPairParameters): KeyPairKeyObjectResult {
  switch (parameters.type) {
    case 'rsa': {
      const { bits: modulusLength, exponent: publicExponent = usualExponent } = parameters
      requireRsa(modulusLength, publicExponent)
      return generateKeyPairSync('rsa', { modulusLength, publicExponent })
    }
    case 'ec':
      if (!curves.has(parameters.curve))
        throw new CryptoError('unsupported', `this server makes no keys on the curve ${parameters.curve}`)
      return generateKeyPairSync('ec', { namedCurve: parameters.curve })
    case 'ed25519':
      return generateKeyPairSync('ed25519')
    case 'x25519':
      return generateKeyPairSync('x25519')
    case 'ed448':
      return generateKeyPairSync('ed448')
    case 'x448':
      return generateKeyPairSync('x448')
    case 'quantum-safe':
      // Node's types have an overload for each family, but none for all of them.
      return generateKeyPairSync(nodeType(parameters.algorithm) as 'ml-kem-768')
    default:
      return parameters satisfies never
  }
}

/** Curves of 224 bits and more. A smaller one protects nothing today. */
const curves: ReadonlySet<string> = new Set([
  'secp224r1',
  'prime256v1',
  'secp384r1',
  'secp521r1',
  'secp256k1',
  'brainpoolP256r1',
  'brainpoolP384r1',
  'brainpoolP512r1',
])

const usualExponent = 65_537

function requireRsa(bits: number, exponent: number): void {
  if (!Number.isInteger(bits) || bits < rsaBitsMin || bits > rsaBitsMax || bits % 64 !== 0)
    throw new CryptoError(
      'unsupported',
      `this server makes RSA keys of ${String(rsaBitsMin)} to ${String(rsaBitsMax)} bits, a multiple of 64`,
    )
  // FIPS 186-5 §A.1.1: odd and greater than 2^16.
  if (!Number.isInteger(exponent) || exponent < usualExponent || exponent > 0x7fff_ffff || exponent % 2 === 0)
    throw new CryptoError('unsupported', 'an RSA public exponent is odd and at least 65537')
}
