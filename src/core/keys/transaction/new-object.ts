// Stores the material of a new object and stages its record, however the object came to be: created, registered, or adopted
// from another server. The caller says what it is; the audit entry is the caller's too.

import type { AttributeSet } from '../../../wire/kmip/attributes.ts'
import type { Material, MaterialHead, Place } from '../../sealing/envelope.ts'
import { limitsOf } from '../../trust/instance-limits.ts'
import { requireRoom } from './instance-room.ts'
import type { ManagedObject } from '../object/managed-object.ts'
import { requireFreeNames } from './names.ts'
import { requireQuantumSafe, withFormat } from '../object/newer-attributes.ts'
import { factsOf } from '../object/object-facts.ts'
import { readRules, requireConstraints } from '../object/object-rules.ts'
import type { TransactionObjects } from './transaction-objects.ts'

type Described = Pick<ManagedObject, 'uniqueIdentifier' | 'objectType' | 'state' | 'attributes' | 'createdMs'>

/** Throws the Faults of storedAttributes and ServerLimitExceeded, and what the custody throws. */
export async function stageNewObject(
  objects: TransactionObjects,
  described: Described,
  material: Material,
): Promise<void> {
  const { staged, store, custodies } = objects
  const { instanceId } = staged.caller
  const { uniqueIdentifier, objectType } = described
  const wanted = { ...described, attributes: await storedAttributes(objects, described, material.head) }
  const place: Place = { purpose: 'object', instanceId, identifier: uniqueIdentifier, objectType }
  const instance = await objects.instance()
  if (staged.caller.actor.kind === 'client') requireConstraints(wanted, readRules(instance.objectConstraints))
  // The commit checks both once more. A standard key that is not used costs money, so none is made then.
  if (custodies.of(instance).keepsKeysApart) await requireRoom(store, instance)
  const { correlationIds } = staged
  const sealed = await custodies.seal(instance, place, material, { facts: factsOf(wanted), correlationIds })
  staged.sealed(sealed)
  staged.stage({
    ...wanted,
    instanceId,
    version: 1,
    sealed: sealed.sealed,
    dataKeyId: sealed.dataKeyId,
    isPutBack: false,
  })
}

/**
 * All attributes of an object as they are stored beside its material. The commit fails if the instance would then hold too much.
 * Throws the Fault NonUniqueNameAttribute and those of newer-attributes.ts.
 */
export async function storedAttributes(
  objects: TransactionObjects,
  { uniqueIdentifier, objectType, attributes }: Omit<Described, 'state' | 'createdMs'>,
  head: MaterialHead,
): Promise<AttributeSet> {
  const instance = await objects.instance()
  requireQuantumSafe(objectType, attributes)
  const formatted = withFormat(attributes, objectType, head)
  await requireFreeNames(objects, instance, uniqueIdentifier, formatted)
  objects.staged.limit(limitsOf(instance))
  return formatted
}
