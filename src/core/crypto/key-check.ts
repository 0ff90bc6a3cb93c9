// Checks that the numbers of a key form a valid key. Mortise checks every format before it stores a key, so that a damaged key is
// noticed when it arrives and not when it is needed. Pure.

import { createECDH, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { notApproved } from '../../base/fips.ts'
import { isApprovedCurve } from './approved.ts'
import { byteCurves, curves } from './curves.ts'
import { encodeKey } from './key-formats.ts'
import { inPointForm } from './points.ts'
import { nodeType } from './post-quantum.ts'
import {
  bitsOf,
  KeyFormatError,
  numberBitsMax,
  toBigInt,
  type DiscreteKey,
  type EcPrivate,
  type KeyParts,
  type RsaPrivate,
} from './key-parts.ts'

/** The server stores RSA keys below 2048 bits for clients that have them, but makes none. */
const rsaBits = { min: 512, max: numberBitsMax }
const discreteBits = { min: 512, max: numberBitsMax }

/** Throws KeyFormatError. */
export function checkKey(parts: KeyParts): void {
  switch (parts.kind) {
    case 'rsa':
      requireBits('an RSA key', bitsOf(parts), rsaBits)
      if (parts.isPrivate) checkRsaPrivate(parts)
      return
    case 'ec':
      return checkCurve(parts)
    case 'bytes':
      requireApprovedCurve(parts.curve)
      if (parts.key.length === byteCurves[parts.curve].keyBytes) return
      throw new KeyFormatError(`a key of ${parts.curve} has ${byteCurves[parts.curve].keyBytes} bytes`)
    case 'dsa':
    case 'dh':
      return checkDiscrete(parts)
    case 'quantum-safe':
      return checkQuantumSafe(parts)
  }
}

function requireBits(what: string, bits: number, { min, max }: { min: number; max: number }): void {
  if (bits < min || bits > max) throw new KeyFormatError(`${what} has ${min} to ${max} bits, not ${bits}`)
}

/** RFC 8017 §3.2. It does not check whether the primes are prime. */
function checkRsaPrivate(parts: RsaPrivate): void {
  const [p, q] = [toBigInt(parts.primeP), toBigInt(parts.primeQ)]
  if (p < 2n || q < 2n || p * q !== toBigInt(parts.modulus))
    throw new KeyFormatError('its modulus is not the product of its primes')
  const [e, d] = [toBigInt(parts.publicExponent), toBigInt(parts.privateExponent)]
  const isWhole =
    (e * d - 1n) % (p - 1n) === 0n &&
    (e * d - 1n) % (q - 1n) === 0n &&
    (d - toBigInt(parts.exponentP)) % (p - 1n) === 0n &&
    (d - toBigInt(parts.exponentQ)) % (q - 1n) === 0n &&
    (q * toBigInt(parts.coefficient) - 1n) % p === 0n
  if (!isWhole) throw new KeyFormatError('its exponents and its coefficient do not fit its primes')
}

function requireApprovedCurve(curve: string): void {
  if (!isApprovedCurve(curve)) throw new KeyFormatError(notApproved(`the curve ${curve}`))
}

/** OpenSSL checks the lengths, and that seed and key belong together. */
function checkQuantumSafe(parts: KeyParts & { readonly kind: 'quantum-safe' }): void {
  if (readType(parts) === nodeType(parts.algorithm)) return
  throw new KeyFormatError(
    `this is not a ${parts.isPrivate ? 'private' : 'public'} key of ${parts.algorithm}`,
  )
}

function readType(parts: KeyParts): string | undefined {
  const der = encodeKey(parts.isPrivate ? 'PKCS_8' : 'X_509', parts)
  if (!der) return undefined
  try {
    const read = parts.isPrivate
      ? createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
      : createPublicKey({ key: der, format: 'der', type: 'spki' })
    return read.asymmetricKeyType
  } catch {
    return undefined
  } finally {
    der.fill(0)
  }
}

/** OpenSSL checks that the point is on its curve. */
function checkCurve(parts: KeyParts & { readonly kind: 'ec' }): void {
  requireApprovedCurve(parts.curve)
  // A curve's order may be one bit longer than its field.
  const size = Math.ceil((curves[parts.curve].bits + 1) / 8)
  if (parts.isPrivate && parts.scalar.length > size) throw outOfRange(parts)
  // OpenSSL computes the missing point of a private key, but does not check a stated one.
  const pointless = parts.isPrivate ? { ...parts, point: undefined } : parts
  const der = encodeKey(parts.isPrivate ? 'PKCS_8' : 'X_509', pointless)
  if (!der) return
  try {
    if (parts.isPrivate) checkNumber(parts, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
    else createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch (cause) {
    if (cause instanceof KeyFormatError) throw cause
    throw new KeyFormatError(
      `this is not a ${parts.isPrivate ? 'private' : 'public'} key of ${parts.curve}`,
      {
        cause,
      },
    )
  } finally {
    der.fill(0)
  }
}

function outOfRange({ curve }: Pick<EcPrivate, 'curve'>): KeyFormatError {
  return new KeyFormatError(`the private number of ${curve} is out of range`)
}

/** OpenSSL accepts a number beyond the curve's order as a key, but not as one half of an agreement. */
function checkNumber({ curve, scalar, point }: EcPrivate, key: KeyObject): void {
  try {
    createECDH(key.asymmetricKeyDetails?.namedCurve ?? '').setPrivateKey(scalar)
  } catch {
    throw outOfRange({ curve })
  }
  if (!point) return
  const stated = inPointForm({ kind: 'ec', isPrivate: false, curve, point }, 'uncompressed')
  if (encodeKey('X_509', stated)?.equals(createPublicKey(key).export({ format: 'der', type: 'spki' }))) return
  throw new KeyFormatError('its point does not belong to its private number')
}

function checkDiscrete({ kind, prime, order, generator, number }: DiscreteKey): void {
  const name = kind.toUpperCase()
  requireBits(
    `a ${name} key`,
    bitsOf({ kind, isPrivate: false, prime, order, generator, number }),
    discreteBits,
  )
  if (kind === 'dsa' && order === undefined)
    throw new KeyFormatError('a DSA key needs the order of its group')
  const p = toBigInt(prime)
  const isWithin = [generator, number, ...(order ? [order] : [])].every((bytes) => {
    const value = toBigInt(bytes)
    return value > 0n && value < p
  })
  if (!isWithin) throw new KeyFormatError(`a number of the ${name} key is out of range`)
}
