// Stores the material of a new object and stages its record, for every origin: created, registered, or adopted from another
// server. The caller describes the object and writes the audit entry.

import type { MaybePromise } from '../../../base/maybe-promise.ts'
import type { AttributeSet } from '../../../wire/kmip/attributes.ts'
import type { Custodies } from '../../custody/custodies.ts'
import type { Store } from '../../ports/store.ts'
import type { Material, MaterialHead, Place } from '../../sealing/envelope.ts'
import { requireOpenInstance } from '../object/closed-instance.ts'
import { limitsOf } from '../../trust/instance-limits.ts'
import type { Instance } from '../../trust/rows.ts'
import { requireRoom } from './instance-room.ts'
import type { ManagedObject } from '../object/managed-object.ts'
import { requireFreeNames } from './names.ts'
import { requireQuantumSafe, withFormat } from '../object/newer-attributes.ts'
import { factsOf } from '../object/object-facts.ts'
import { readRules, requireConstraints } from '../object/object-rules.ts'
import type { StagedChange } from './staged-change.ts'

/** The parts of a transaction (transaction-objects.ts) that a new object needs. */
interface Transaction {
  readonly staged: StagedChange
  readonly store: Store
  readonly custodies: Custodies
  instance(): MaybePromise<Instance>
}

type Described = Pick<ManagedObject, 'uniqueIdentifier' | 'objectType' | 'state' | 'attributes' | 'createdMs'>

/** Throws the Faults of storedAttributes and ServerLimitExceeded, and the errors of the custody. */
export async function stageNewObject(
  transaction: Transaction,
  described: Described,
  material: Material,
): Promise<void> {
  const { staged, store, custodies } = transaction
  const { instanceId } = staged.caller
  const { uniqueIdentifier, objectType } = described
  const object = { ...described, attributes: await storedAttributes(transaction, described, material.head) }
  const place: Place = { purpose: 'object', instanceId, identifier: uniqueIdentifier, objectType }
  const instance = await transaction.instance()
  requireOpenInstance(instance)
  if (staged.caller.actor.kind === 'client') requireConstraints(object, readRules(instance.objectConstraints))
  // The commit checks both again. This check avoids an unused standard key, which costs money.
  if (custodies.of(instance).keepsKeysApart) await requireRoom(store, instance)
  const { correlationIds } = staged
  const sealed = await custodies.seal(instance, place, material, { facts: factsOf(object), correlationIds })
  staged.sealed(sealed)
  staged.stage({
    ...object,
    instanceId,
    version: 1,
    sealed: sealed.sealed,
    dataKeyId: sealed.dataKeyId,
    isPutBack: false,
  })
}

/**
 * All attributes of an object, as stored beside its material. The commit fails if they exceed the instance's limit. Throws the
 * Fault NonUniqueNameAttribute and those of newer-attributes.ts.
 */
export async function storedAttributes(
  transaction: Transaction,
  { uniqueIdentifier, objectType, attributes }: Omit<Described, 'state' | 'createdMs'>,
  head: MaterialHead,
): Promise<AttributeSet> {
  const instance = await transaction.instance()
  requireQuantumSafe(objectType, attributes)
  const formatted = withFormat(attributes, objectType, head)
  await requireFreeNames(transaction, instance, uniqueIdentifier, formatted)
  transaction.staged.limit(limitsOf(instance))
  return formatted
}
