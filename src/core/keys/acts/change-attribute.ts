// The act that adds, modifies or deletes one attribute instance of an object. attribute-changes.ts has the rules.

import type { AttributeInstance } from '../../../wire/kmip/attributes.ts'
import type { AuditAction } from '../../ports/audit-actions.ts'
import { limitsOf } from '../../trust/instance-limits.ts'
import type { AttributeNamed, Changed, ChangedObject } from '../object/attribute-changes.ts'
import { isDestroyed } from '../object/lifecycle.ts'
import { allAttributes, currentState } from '../object/managed-object.ts'
import { requireNoLooser } from '../object/restrictions.ts'
import { deactivationDetail } from '../object/revocation.ts'
import { requireFreeNames } from '../transaction/names.ts'
import { requireQuantumSafe } from '../object/newer-attributes.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

/** Returns the instance that was added, changed or deleted. */
export async function changeAttribute<C extends AttributeNamed>(
  objects: TransactionObjects,
  action: AuditAction,
  uniqueIdentifier: string,
  change: C,
  apply: (target: ChangedObject, change: C) => Changed,
): Promise<AttributeInstance> {
  const { staged } = objects
  staged.begin(action, uniqueIdentifier)
  const object = await objects.online(uniqueIdentifier)
  const { objectType } = object
  const state = currentState(object, staged.nowMs)
  const attributes = allAttributes(object, staged.nowMs)
  const now = BigInt(Math.floor(staged.nowMs / 1000))
  const changed = apply({ objectType, state, attributes, now }, change)
  requireQuantumSafe(objectType, changed.attributes)
  const kept = new Map(changed.attributes)
  for (const key of ['UniqueIdentifier', 'ObjectType', 'State']) kept.delete(key)
  const instance = await objects.instance()
  if (staged.caller.actor.kind === 'client') requireNoLooser(instance, object.attributes, kept)
  if (change.key === 'Name' && !isDestroyed(state))
    await requireFreeNames(objects, instance, uniqueIdentifier, kept)
  staged.limit(limitsOf(instance))
  // The stored state stays: the clock that derives `state` may be wrong, and each read derives it again.
  if (changed.attributes !== attributes) await objects.stage(object, { ...object, attributes: kept })
  const closing = change.key === 'DeactivationDate' ? deactivationDetail(kept) : {}
  staged.done({ detail: { attribute: change.key, ...closing } })
  return changed.instance
}
