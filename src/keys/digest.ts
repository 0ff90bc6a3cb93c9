// Digests of key material: which objects may have theirs stored in clear, and how one is made. Pure.

import { createHash } from 'node:crypto'
import type { AttributeValue } from '../kmip/attributes.ts'
import type { Material } from '../sealing/envelope.ts'
import type { ObjectType } from './managed-object.ts'

/**
 * Secret Data may be a password, and an Opaque Object anything. A stored digest would let a reader of the disk guess
 * them. So the digest is computed on request, and is gone with the material.
 */
export function digestIsSecret(objectType: ObjectType): boolean {
  return objectType === 'SecretData' || objectType === 'OpaqueObject'
}

export function digestOf({ bytes, head }: Material): AttributeValue<'Digest'> {
  const { keyFormatType } = head
  return {
    HashingAlgorithm: 'SHA_256',
    DigestValue: sha256(bytes),
    ...(keyFormatType !== undefined && { KeyFormatType: keyFormatType }),
  }
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}
