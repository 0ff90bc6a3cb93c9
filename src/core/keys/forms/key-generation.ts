// The symmetric keys that the server makes: algorithm, length and bytes. KMIP 1.4 §4.1, §9.1.3.2.13.

import { randomBytes } from 'node:crypto'
import { first, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import { maskOf } from '../../../wire/kmip/enums.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { Material } from '../../sealing/envelope.ts'
import type { NewObject } from '../object/initial-attributes.ts'
import { withAttribute } from '../object/managed-object.ts'

/** The lengths in bits of each algorithm; for HMAC any multiple of 8 within the bounds. */
const lengths: Readonly<Record<string, readonly number[] | { readonly min: number; readonly max: number }>> =
  {
    AES: [128, 192, 256],
    DES3: [112, 168, 128, 192],
    DES: [56, 64],
    Camellia: [128, 192, 256],
    ARIA: [128, 192, 256],
    SEED: [128],
    IDEA: [128],
    SKIPJACK: [80],
    ChaCha20: [256],
    ChaCha20Poly1305: [256],
    Twofish: [128, 192, 256],
    Blowfish: { min: 32, max: 448 },
    CAST5: { min: 40, max: 128 },
    RC4: { min: 40, max: 2048 },
    RC2: { min: 40, max: 1024 },
    HMAC_MD5: { min: 8, max: 4096 },
    HMAC_SHA1: { min: 8, max: 4096 },
    HMAC_SHA224: { min: 8, max: 4096 },
    HMAC_SHA256: { min: 8, max: 4096 },
    HMAC_SHA384: { min: 8, max: 4096 },
    HMAC_SHA512: { min: 8, max: 4096 },
  }

/** DES keys have a parity bit in each byte. A stated length may or may not count these bits: 168 and 192 bits are 24 bytes. */
export function hasParity(algorithm: string | undefined): boolean {
  return algorithm === 'DES' || algorithm === 'DES3'
}

/** The number of bytes of a key with this length, even for an algorithm of which the server makes no keys. */
export function bytesFor(algorithm: string | undefined, lengthBits: number): number {
  const leavesParityOut = hasParity(algorithm) && lengthBits % 56 === 0
  return leavesParityOut ? (lengthBits / 56) * 8 : Math.ceil(lengthBits / 8)
}

/** Returns new key bytes. Throws Fault InvalidField for an unknown algorithm or length. */
export function generateKey(algorithm: string, lengthBits: number): Buffer {
  const bytes = randomBytes(keyBytes(algorithm, lengthBits))
  if (!hasParity(algorithm)) return bytes
  for (const [index, byte] of bytes.entries()) bytes[index] = oddParity(byte)
  return bytes
}

/** The number of bytes of such a key. Throws Fault InvalidField for an unknown algorithm or length. */
export function keyBytes(algorithm: string, lengthBits: number): number {
  requireLength(algorithm, lengthBits)
  return bytesFor(algorithm, lengthBits)
}

/** Returns new random bytes for secret data. Throws Fault InvalidField for an invalid length in bits. */
export function generateSecret(lengthBits: number): Buffer {
  if (lengthBits % 8 !== 0 || lengthBits < 8 || lengthBits > secretBitsMax)
    throw new Fault('InvalidField', `secret data has 8 to ${String(secretBitsMax)} bits, a multiple of 8`)
  return randomBytes(lengthBits / 8)
}

const secretBitsMax = 65_536

function requireLength(algorithm: string, lengthBits: number): void {
  const allowed = Object.hasOwn(lengths, algorithm) ? lengths[algorithm] : undefined
  if (allowed === undefined)
    throw new Fault('InvalidField', `this server makes no symmetric keys of the algorithm ${algorithm}`)
  const fits =
    'min' in allowed
      ? lengthBits % 8 === 0 && lengthBits >= allowed.min && lengthBits <= allowed.max
      : allowed.includes(lengthBits)
  if (fits) return
  const known = 'min' in allowed ? `${String(allowed.min)} to ${String(allowed.max)}` : allowed.join(', ')
  throw new Fault('InvalidField', `${algorithm} keys have ${known} bits, not ${String(lengthBits)}`)
}

/** The byte with its lowest bit set so that the number of ones is odd (FIPS 46-3). */
function oddParity(byte: number): number {
  const upper = byte & 0xfe
  let lowest = 1
  for (let bit = 1; bit < 8; bit++) lowest ^= (upper >> bit) & 1
  return upper | lowest
}

/** Makes the key or secret data of a Create, with its attributes. Throws Fault InvalidField. */
export function newKey({ objectType, attributes }: NewObject): {
  readonly material: Material
  readonly attributes: AttributeSet
} {
  const length = first(attributes, 'CryptographicLength')
  if (length === undefined) throw new Fault('InvalidField', 'Create needs the attribute Cryptographic Length')
  if (objectType === 'SecretData') {
    const head = { keyFormatType: 'Opaque', secretDataType: 'Password' } as const
    return { material: { bytes: generateSecret(length), head }, attributes }
  }
  const algorithm = first(attributes, 'CryptographicAlgorithm')
  if (algorithm === undefined)
    throw new Fault('InvalidField', 'Create needs the attribute Cryptographic Algorithm')
  // KMIP 1.4 §4.1 requires a mask. Clients that leave it out want a key that encrypts.
  const mask =
    first(attributes, 'CryptographicUsageMask') ?? maskOf('CryptographicUsageMask', ['Encrypt', 'Decrypt'])
  const bytes = generateKey(algorithm, length)
  return {
    material: { bytes, head: { keyFormatType: symmetricFormat(attributes) } },
    attributes: withAttribute(attributes, 'CryptographicUsageMask', mask),
  }
}

/** The format that the client requests. Both have the same bytes; new-object.ts refuses other formats. */
export function symmetricFormat(attributes: AttributeSet): 'Raw' | 'TransparentSymmetricKey' {
  const format = first(attributes, 'KeyFormatType')
  return format === 'TransparentSymmetricKey' ? format : 'Raw'
}
