// The act of Get and of Export: an object leaves with its material, unless the rules keep it here.

import type { AttributeSet } from '../../kmip/attributes.ts'
import { andThen, type MaybePromise } from '../../maybe-promise.ts'
import type { Material } from '../../sealing/envelope.ts'
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
import type { TransactionObjects } from '../transaction/transaction-objects.ts'
import { encrypts, wrappingDataOf } from '../forms/wrapping-data.ts'
import { unwrapped } from '../use/wrapping.ts'

/** Material for an answer, with the attributes that a Key Block states. */
export interface FetchedObject {
  readonly uniqueIdentifier: string
  readonly objectType: ObjectType
  /** As stored; `allAttributes` adds those that are derived, for a key that leaves with them. */
  readonly attributes: AttributeSet
  readonly allAttributes: () => AttributeSet
  readonly material: Material
  /** The client sent it wrapped, and its wrapped bytes were in a Key Value structure. */
  readonly cameInKeyValue?: boolean
}

export interface FetchWanted {
  /** It will be wrapped before it leaves. */
  readonly wrapped?: boolean
  /** A key that came wrapped leaves unwrapped. */
  readonly unwrap?: boolean
  /** All attributes leave with it. */
  readonly exported?: boolean
  /** Nobody asked for it: it is sent to a client that took the server role. */
  readonly put?: boolean
}

export function fetchObject(
  objects: TransactionObjects,
  uniqueIdentifier: string,
  how: FetchWanted = {},
): MaybePromise<FetchedObject> {
  objects.staged.begin('key.get', uniqueIdentifier)
  return andThen(objects.live(uniqueIdentifier), (object) => {
    refuseToFetch(object, true)
    return andThen(objects.open(object), (material) =>
      // An instance whose restrictions go one way gives no client a Sensitive object, wrapped or not.
      andThen(how.wrapped === true ? objects.instance() : undefined, (instance) =>
        handOut(objects, object, material, { ...how, helps: instance?.restrictions !== 'one-way' }),
      ),
    )
  })
}

function handOut(
  objects: TransactionObjects,
  object: ManagedObject,
  material: Material,
  {
    wrapped = false,
    unwrap = false,
    exported = false,
    put = false,
    helps,
  }: FetchWanted & { readonly helps: boolean },
): MaybePromise<FetchedObject> {
  const { staged } = objects
  const { uniqueIdentifier, objectType, attributes } = object
  const { wrapping } = material.head
  staged.opened(material.bytes)
  const cameEncrypted = wrapping !== undefined && encrypts(wrappingDataOf(wrapping))
  refuseToFetch(object, (wrapped && helps) || (cameEncrypted && !unwrap))
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
  /** Undefined: it was destroyed, and the attributes alone leave. */
  readonly object: FetchedObject | undefined
}

export async function exportWhole(
  objects: TransactionObjects,
  uniqueIdentifier: string,
  how: FetchWanted,
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
