// The attributes in the Key Value of a registered or imported key (KMIP 1.4 §2.1.3, §2.1.4). Those that a client may set become
// the object's. The attributes of a key that came wrapped stay inside it.

import { appliesTo, mayBeSet } from '../../wire/kmip/attribute-rules.ts'
import type { AttributeSet } from '../../wire/kmip/attributes.ts'
import type { KeyBlock } from '../../wire/kmip/objects.ts'
import type { Version } from '../../wire/kmip/version.ts'
import type { ObjectType } from '../keys/object/managed-object.ts'
import { setOf } from './requested-attributes.ts'
import { givenAttributes } from './wire-attributes.ts'

/** Throws the Faults of givenAttributes and setOf. */
export function enclosedAttributes(
  objectType: ObjectType,
  message: { readonly [field: string]: unknown },
  version: Version,
): AttributeSet {
  const { KeyBlock: block } = (message[objectType] ?? {}) as { readonly KeyBlock?: KeyBlock }
  const value = block?.KeyValue
  if (!value || value instanceof Uint8Array || block.KeyWrappingData) return new Map()
  const attributes = givenAttributes(value, version).filter(
    // The Key Block states the format.
    ({ key }) => key !== 'KeyFormatType' && mayBeSet(key) && appliesTo(key, objectType, version),
  )
  return setOf(attributes, { version, objectType })
}
