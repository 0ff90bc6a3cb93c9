// The digest of an object whose digest is not stored, computed for a caller that may fetch the object.

import { CustodyRefused } from '../../custody/custody.ts'
import type { AttributeSet } from '../../../wire/kmip/attributes.ts'
import { KeysUnavailable } from '../../sealing/unwrap-cache.ts'
import { digestOf } from '../object/digest.ts'
import { withAttribute, type ManagedObject } from '../object/managed-object.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

/** Adds the digest. Leaves it out if the material does not open, so that the server answers attributes during an outage too. */
export async function withSecretDigest(
  objects: TransactionObjects,
  object: ManagedObject,
  attributes: AttributeSet,
): Promise<AttributeSet> {
  if (object.sealed === null) return attributes
  try {
    const material = await objects.open(object)
    const { isElsewhere, wrapping } = material.head
    const digest = isElsewhere || wrapping ? undefined : digestOf(material)
    material.bytes.fill(0)
    return digest ? withAttribute(attributes, 'Digest', digest) : attributes
  } catch (error) {
    if (error instanceof KeysUnavailable || error instanceof CustodyRefused) return attributes
    throw error
  }
}
