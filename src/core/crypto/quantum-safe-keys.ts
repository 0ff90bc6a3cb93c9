// Keys of ML-KEM, ML-DSA and SLH-DSA as plain bytes, KMIP's format Raw. Pure.

import { DerError, DerFields, octetString, writeDer, type DerNode } from './der.ts'
import { KeyFormatError, type QuantumSafeKey } from './key-parts.ts'
import { quantumSafe, quantumSafeOf, type QuantumSafeName } from './post-quantum.ts'

/** FIPS 203 §3.3 and §7.1 (d and z), FIPS 204 §5.1. KMIP's Raw form is the seed or the whole key. */
const seedBytes = { 'ml-kem': 64, 'ml-dsa': 32 } as const

/** Makes a key from its bytes. Throws KeyFormatError if their number does not fit the algorithm. */
export function keyFromRaw(
  algorithm: QuantumSafeName,
  isPrivate: boolean,
  bytes: Uint8Array,
): QuantumSafeKey {
  const { family, publicBytes, privateBytes } = quantumSafe[algorithm]
  const about = { kind: 'quantum-safe', isPrivate, algorithm } as const
  if (!isPrivate && bytes.length === publicBytes) return { ...about, content: bytes }
  if (isPrivate && bytes.length === privateBytes)
    return { ...about, content: family === 'slh-dsa' ? bytes : writeDer(octetString(bytes)) }
  if (isPrivate && family !== 'slh-dsa' && bytes.length === seedBytes[family])
    return { ...about, content: writeDer(seedOf(bytes)) }
  throw new KeyFormatError(
    `a ${isPrivate ? 'private' : 'public'} key of ${algorithm} has ${String(isPrivate ? privateBytes : publicBytes)} bytes, not ${String(bytes.length)}`,
  )
}

/** [0] IMPLICIT OCTET STRING */
function seedOf(bytes: Uint8Array): DerNode {
  return { ...octetString(bytes), tag: 0x80 }
}

/** The bytes of a public key, or of a whole private key. Undefined: only the seed is there. */
export function rawOf({ algorithm, isPrivate, content }: QuantumSafeKey): Uint8Array | undefined {
  const { family, privateBytes } = quantumSafe[algorithm]
  if (!isPrivate || family === 'slh-dsa') return content
  // Each form that holds the whole key ends with it.
  return content.length > privateBytes ? content.subarray(content.length - privateBytes) : undefined
}

/** The algorithm of a PKCS#8 key. Undefined: it is none of these. */
export function quantumSafeIn(pkcs8: Uint8Array): QuantumSafeName | undefined {
  try {
    const fields = DerFields.of(pkcs8)
    fields.small()
    return quantumSafeOf(fields.sequence().identifier())
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}
