// Get's act: an object leaves with its material, unless the rules keep it here.

import type { AttributeSet } from '../kmip/attributes.ts'
import type { Material } from '../sealing/envelope.ts'
import { refuseToFetch } from './fetch-rule.ts'
import { allAttributes, type ObjectType } from './managed-object.ts'
import type { TransactionObjects } from './transaction-objects.ts'
import { unwrapped } from './wrapping.ts'

/** Material for an answer, with the attributes that a Key Block states. */
export interface FetchedObject {
  readonly uniqueIdentifier: string
  readonly objectType: ObjectType
  /** As stored; `allAttributes` adds those that are derived, for a key that leaves with them. */
  readonly attributes: AttributeSet
  readonly allAttributes: () => AttributeSet
  readonly material: Material
  /** It came wrapped, and its wrapped bytes stood in a Key Value structure. */
  readonly cameInKeyValue?: boolean
}

export interface FetchWanted {
  /** It will be wrapped before it leaves. */
  readonly wrapped?: boolean
  /** A key that came wrapped is given without that. */
  readonly unwrap?: boolean
}

export async function fetchObject(
  objects: TransactionObjects,
  uniqueIdentifier: string,
  { wrapped = false, unwrap = false }: FetchWanted = {},
): Promise<FetchedObject> {
  const { staged } = objects
  staged.begin('key.get', uniqueIdentifier)
  const object = await objects.live(uniqueIdentifier)
  refuseToFetch(object, true)
  const material = await objects.open(object)
  staged.opened(material.bytes)
  const staysWrapped = material.head.wrapping !== undefined && !unwrap
  refuseToFetch(object, wrapped || staysWrapped)
  staged.fetched(uniqueIdentifier)
  staged.done()
  const { objectType, attributes } = object
  const all = () => allAttributes(object, staged.nowMs)
  const fetched = { uniqueIdentifier, objectType, attributes, allAttributes: all, material }
  if (!unwrap || !material.head.wrapping) return fetched
  const plain = await unwrapped(objects, uniqueIdentifier, material)
  staged.opened(plain.bytes)
  const cameInKeyValue = material.head.wrapping.isInKeyValue
  return { ...fetched, material: plain, cameInKeyValue }
}
