// The act of Get and of Export: an object leaves with its material, unless the rules keep it here.

import type { AttributeSet } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { andThen, type MaybePromise } from '../../../base/maybe-promise.ts'
import type { Material } from '../../sealing/envelope.ts'
import type { Instance } from '../../trust/rows.ts'
import { digestIsSecret, digestOf } from '../object/digest.ts'
import { mayLeavePlain, refuseToFetch } from '../object/fetch-rule.ts'
import { isDestroyed } from '../object/lifecycle.ts'
import {
  allAttributes,
  withAttribute,
  type ManagedObject,
  type ObjectType,
} from '../object/managed-object.ts'
import { withDerived } from '../object/newer-attributes.ts'
import { isSensitive, mayWrapSensitive, requireNoWrappingKey } from '../object/restrictions.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'
import { encrypts, wrappingDataOf } from '../forms/wrapping-data.ts'
import { unwrapped } from '../use/wrapping.ts'

/** Material for an answer, with the attributes that a Key Block states. */
export interface FetchedObject {
  readonly uniqueIdentifier: string
  readonly objectType: ObjectType
  /** As stored; `allAttributes` adds the derived ones, for a key that leaves with its attributes. */
  readonly attributes: AttributeSet
  readonly allAttributes: () => AttributeSet
  readonly material: Material
  /** Whether the client sent it wrapped, with the wrapped bytes in a Key Value structure. */
  readonly cameInKeyValue?: boolean
}

export interface FetchOptions {
  /** The keys that encrypt it before it leaves, and the keys that make its MAC or signature. */
  readonly wrappers?: readonly string[]
  /** Whether a key that came wrapped leaves unwrapped. */
  readonly unwrap?: boolean
  /** Whether all attributes leave with it. */
  readonly exported?: boolean
  /** Whether the server sends it by itself, to a client that took the server role. */
  readonly put?: boolean
}

export function fetchObject(
  objects: TransactionObjects,
  uniqueIdentifier: string,
  how: FetchOptions = {},
): MaybePromise<FetchedObject> {
  objects.staged.begin('key.get', uniqueIdentifier)
  return andThen(objects.live(uniqueIdentifier), (object) => {
    refuseToFetch(object, true)
    return andThen(objects.instance(), (instance) => {
      // A public key is no secret.
      if (object.objectType !== 'PublicKey') requireNoWrappingKey(instance, uniqueIdentifier)
      return andThen(objects.open(object), (material) =>
        handOut(objects, object, material, { ...how, instance }),
      )
    })
  })
}

function handOut(
  objects: TransactionObjects,
  object: ManagedObject,
  material: Material,
  {
    wrappers = [],
    unwrap = false,
    exported = false,
    put = false,
    instance,
  }: FetchOptions & { readonly instance: Instance },
): MaybePromise<FetchedObject> {
  const { staged } = objects
  const { uniqueIdentifier, objectType, attributes } = object
  const { wrapping } = material.head
  staged.opened(material.bytes)
  const cameEncrypted = wrapping !== undefined && encrypts(wrappingDataOf(wrapping))
  const leavesAsItCame = cameEncrypted && !unwrap
  if (
    !leavesAsItCame &&
    wrappers.length > 0 &&
    isSensitive(attributes) &&
    !mayWrapSensitive(instance, wrappers)
  )
    throw new Fault(
      'Sensitive',
      'this object is sensitive: it leaves only wrapped by a wrapping key of its instance, which a manager names (mortise key set)',
    )
  refuseToFetch(object, wrappers.length > 0 || leavesAsItCame)
  staged.fetched(uniqueIdentifier)
  staged.done(exported ? exportDetail : put ? putDetail : undefined)
  const all = () => allAttributes(object, staged.nowMs)
  const fetched = { uniqueIdentifier, objectType, attributes, allAttributes: all, material }
  if (!unwrap || !wrapping) return fetched
  return andThen(unwrapped(objects, uniqueIdentifier, material), (plain) => {
    staged.opened(plain.bytes)
    return { ...fetched, material: plain, cameInKeyValue: cameEncrypted && wrapping.isInKeyValue }
  })
}

const exportDetail = { detail: { operation: 'Export' } } as const
const putDetail = { detail: { operation: 'Put' } } as const

/** An object with all its attributes. */
export interface WholeObject {
  readonly objectType: ObjectType
  readonly attributes: AttributeSet
  /** Undefined for a destroyed object: only its attributes leave. */
  readonly object: FetchedObject | undefined
}

export async function exportWhole(
  objects: TransactionObjects,
  uniqueIdentifier: string,
  how: FetchOptions,
): Promise<WholeObject> {
  const { staged } = objects
  staged.begin('key.get', uniqueIdentifier)
  const known = await objects.online(uniqueIdentifier)
  const { objectType } = known
  const attributes = withDerived(allAttributes(known, staged.nowMs), uniqueIdentifier)
  if (isDestroyed(known.state)) {
    staged.done(exportDetail)
    return { objectType, attributes, object: undefined }
  }
  const object = await fetchObject(objects, uniqueIdentifier, { ...how, exported: true })
  const { isElsewhere, wrapping } = object.material.head
  if (!digestIsSecret(objectType) || isElsewhere || wrapping || !mayLeavePlain(known))
    return { objectType, attributes, object }
  return {
    objectType,
    attributes: withAttribute(attributes, 'Digest', digestOf(object.material)),
    object,
  }
}
