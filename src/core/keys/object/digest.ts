// Digests of key material: which objects may store theirs in clear, and how to compute one. Pure.

import { hash } from 'node:crypto'
import type { AttributeValue } from '../../../wire/kmip/attributes.ts'
import { packTransparent } from '../../../wire/kmip/objects.ts'
import type { Material } from '../../sealing/envelope.ts'
import { isSystemObject, type ObjectType } from './managed-object.ts'

/**
 * Secret Data may be a password, and an Opaque Object anything. With their digest a reader of the disk could guess them, and so
 * could a client that may read attributes but not fetch the object. So the server computes it on request, for a caller that may
 * fetch the object, and cannot compute it after the material is gone. Locate finds no object by it.
 */
export function digestIsSecret(objectType: ObjectType): boolean {
  return objectType === 'SecretData' || objectType === 'OpaqueObject'
}

/** The digest to store with the object; undefined if it is secret, or if there is nothing to hash. */
export function storedDigest(
  objectType: ObjectType,
  material: Material,
): AttributeValue<'Digest'> | undefined {
  const { isElsewhere, wrapping } = material.head
  // The digest of a password would reveal the password.
  const isThere = objectType !== 'Template' && !isSystemObject(objectType) && !isElsewhere && !wrapping
  return isThere && !digestIsSecret(objectType) ? digestOf(material) : undefined
}

/** A transparent form has the digest of its TTLV, in which Mortise stores every transparent form but the symmetric one. */
export function digestOf({ bytes, head }: Material): AttributeValue<'Digest'> {
  // The published cases expect a certificate's format here, which the specification requires only for keys.
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
