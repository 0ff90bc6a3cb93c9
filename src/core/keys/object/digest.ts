// Digests of key material: which objects may have theirs stored in clear, and how one is made. Pure.

import { hash } from 'node:crypto'
import type { AttributeValue } from '../../../wire/kmip/attributes.ts'
import { packTransparent } from '../../../wire/kmip/objects.ts'
import type { Material } from '../../sealing/envelope.ts'
import { isSystemObject, type ObjectType } from './managed-object.ts'

/**
 * Secret Data may be a password, and an Opaque Object anything. Their digest would let a reader of the disk guess them, or a client
 * that may read attributes and not fetch the object. So it is computed on request, for a caller that may fetch the object, and is
 * gone with the material. Locate finds no object by it.
 */
export function digestIsSecret(objectType: ObjectType): boolean {
  return objectType === 'SecretData' || objectType === 'OpaqueObject'
}

/** The digest that is stored with the object; undefined if it is secret, or if there is nothing to hash. */
export function storedDigest(
  objectType: ObjectType,
  material: Material,
): AttributeValue<'Digest'> | undefined {
  const { isElsewhere, wrapping } = material.head
  // The digest of a password would tell it.
  const isThere = objectType !== 'Template' && !isSystemObject(objectType) && !isElsewhere && !wrapping
  return isThere && !digestIsSecret(objectType) ? digestOf(material) : undefined
}

/** A transparent form has the digest of its TTLV, in which Mortise stores all of them but the symmetric one. */
export function digestOf({ bytes, head }: Material): AttributeValue<'Digest'> {
  // The published cases have the format of a certificate here, which the specification asks for of keys alone.
  const keyFormatType = head.keyFormatType ?? (head.certificateType && 'Raw')
  const hashed =
    keyFormatType === 'TransparentSymmetricKey' ? packTransparent(keyFormatType, { Key: bytes }) : bytes
  const DigestValue = sha256(hashed)
  if (hashed !== bytes) hashed.fill(0)
  return {
    HashingAlgorithm: 'SHA_256',
    DigestValue,
    ...(keyFormatType !== undefined && { KeyFormatType: keyFormatType }),
  }
}

export function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer')
}
