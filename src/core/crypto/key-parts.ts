// A public or private key as its numbers, between two formats. Numbers are bytes, big-endian and unsigned, so that they can be
// wiped. Many are views into the encoded key. Pure.

import { byteCurves, curves, type ByteCurveName, type CurveName } from './curves.ts'
import { quantumSafe, type QuantumSafeName } from './post-quantum.ts'

/** The bytes are not a key of the stated format. The message is safe to send. */
export class KeyFormatError extends Error {
  override readonly name = 'KeyFormatError'
}

type Bytes = Uint8Array

export interface RsaPublic {
  readonly kind: 'rsa'
  readonly isPrivate: false
  readonly modulus: Bytes
  readonly publicExponent: Bytes
}

export interface RsaPrivate {
  readonly kind: 'rsa'
  readonly isPrivate: true
  readonly modulus: Bytes
  readonly publicExponent: Bytes
  readonly privateExponent: Bytes
  readonly primeP: Bytes
  readonly primeQ: Bytes
  readonly exponentP: Bytes
  readonly exponentQ: Bytes
  readonly coefficient: Bytes
}

export interface EcPublic {
  readonly kind: 'ec'
  readonly isPrivate: false
  readonly curve: CurveName
  /** In the form of X9.62: 04 and both coordinates, or compressed. */
  readonly point: Bytes
}

export interface EcPrivate {
  readonly kind: 'ec'
  readonly isPrivate: true
  readonly curve: CurveName
  readonly scalar: Bytes
  readonly point?: Bytes | undefined
}

/** Ed25519, X25519, Ed448 and X448. */
export interface BytesKey {
  readonly kind: 'bytes'
  readonly isPrivate: boolean
  readonly curve: ByteCurveName
  readonly key: Bytes
}

/** DSA and Diffie-Hellman. */
export interface DiscreteKey {
  readonly kind: 'dsa' | 'dh'
  readonly isPrivate: boolean
  readonly prime: Bytes
  /** Always there for DSA. */
  readonly order?: Bytes | undefined
  readonly generator: Bytes
  readonly cofactor?: Bytes | undefined
  /** The private number of a private key, the public number of a public one. */
  readonly number: Bytes
}

/** ML-KEM, ML-DSA, SLH-DSA. */
export interface QuantumSafeKey {
  readonly kind: 'quantum-safe'
  readonly isPrivate: boolean
  readonly algorithm: QuantumSafeName
  /**
   * The content of the bit string of a public key, or of the octet string of a PKCS#8 key. For ML-KEM and ML-DSA the latter is
   * the seed, the whole key, or both (RFC 9881 §6, RFC 9935 §6).
   */
  readonly content: Bytes
}

export type KeyParts = RsaPublic | RsaPrivate | EcPublic | EcPrivate | BytesKey | DiscreteKey | QuantumSafeKey

export function bitsOf(parts: KeyParts): number {
  if (parts.kind === 'rsa') return bitLength(parts.modulus)
  if (parts.kind === 'ec') return curves[parts.curve].bits
  if (parts.kind === 'bytes') return byteCurves[parts.curve].bits
  // No draft defines the length of these keys. Both halves need one length, so it is the length of the public half.
  if (parts.kind === 'quantum-safe') return quantumSafe[parts.algorithm].publicBytes * 8
  return bitLength(parts.prime)
}

export function bitLength(bytes: Bytes): number {
  const start = bytes.findIndex((byte) => byte !== 0)
  return start < 0 ? 0 : (bytes.length - start) * 8 - Math.clz32((bytes[start] ?? 0) << 24)
}

/** Overwrites the numbers of a private key. Its bytes must not be shared. */
export function wipeParts(parts: KeyParts): void {
  if (!parts.isPrivate) return
  for (const part of Object.values<unknown>({ ...parts })) if (part instanceof Uint8Array) part.fill(0)
}

// Key bytes must not become text, which cannot be wiped, so the two functions below read and write byte by byte.

/** Throws KeyFormatError for a number that is longer than any key's, since the time grows with the square of its length. */
export function toBigInt(bytes: Bytes): bigint {
  if (bitLength(bytes) > numberBitsMax) throw numberTooLong()
  let number = 0n
  for (const byte of bytes) number = (number << 8n) | BigInt(byte)
  return number
}

/** In `size` bytes, or in more if the number is longer. */
export function fromBigInt(number: bigint, size = 1): Buffer {
  if (number >> BigInt(numberBitsMax) > 0n) throw numberTooLong()
  let length = size
  while (number >> BigInt(length * 8) > 0n) length += 1
  const bytes = Buffer.alloc(length)
  let rest = number
  for (let at = length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

/** The longest RSA modulus that OpenSSL accepts. */
export const numberBitsMax = 16_384

export function numberTooLong(): KeyFormatError {
  return new KeyFormatError(`a number of a key has ${numberBitsMax} bits at most`)
}
