// Stores the material of a new object and stages its record, however the object came to be: created, registered, or adopted
// from another server. The caller says what it is; the audit entry is the caller's too.

import type { Material, Place } from '../sealing/envelope.ts'
import { limitsOf } from '../trust/instance-limits.ts'
import { requireRoom } from './instance-room.ts'
import type { ManagedObject } from './managed-object.ts'
import { requireFreeNames } from './names.ts'
import { requireQuantumSafe, withFormat } from './newer-attributes.ts'
import { factsOf } from './object-facts.ts'
import type { TransactionObjects } from './transaction-objects.ts'

/** Throws the Faults NonUniqueNameAttribute and ServerLimitExceeded, those of newer-attributes.ts, and what the custody throws. */
export async function stageNewObject(
  objects: TransactionObjects,
  described: Pick<ManagedObject, 'uniqueIdentifier' | 'objectType' | 'state' | 'attributes' | 'createdMs'>,
  material: Material,
): Promise<void> {
  const { staged, store, custodies } = objects
  const { instanceId } = staged.caller
  const { uniqueIdentifier, objectType } = described
  requireQuantumSafe(objectType, described.attributes)
  const attributes = withFormat(described.attributes, objectType, material.head)
  const wanted = { ...described, attributes }
  const place: Place = { purpose: 'object', instanceId, identifier: uniqueIdentifier, objectType }
  const instance = await objects.instance()
  await requireFreeNames(objects, instance, uniqueIdentifier, wanted.attributes)
  // The commit checks both once more. A standard key that is not used costs money, so none is made then.
  if (custodies.of(instance).keepsKeysApart) await requireRoom(store, instance)
  staged.limit(limitsOf(instance))
  const { correlationIds } = staged
  const sealed = await custodies.seal(instance, place, material, { facts: factsOf(wanted), correlationIds })
  staged.sealed(sealed)
  staged.stage({
    ...wanted,
    instanceId,
    version: 1,
    sealed: sealed.sealed,
    dataKeyId: sealed.dataKeyId,
  })
}
