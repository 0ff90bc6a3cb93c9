// A Name is unique in an instance among objects that are not destroyed. The store holds that at every commit; asking
// before tells which item of a batch is to blame, and lets the others be undone.

import { searchKey, type AttributeSet } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import { isDestroyed } from './lifecycle.ts'
import { fromRecord, indexEntry, type ManagedObject } from './managed-object.ts'
import type { Store } from '../ports/store.ts'
import type { Unit } from './unit.ts'

/** Fault NonUniqueNameAttribute when an object other than this one has one of the Names among its attributes. */
export async function requireFreeNames(
  unit: Unit,
  store: Store,
  uniqueIdentifier: string,
  attributes: AttributeSet,
): Promise<void> {
  for (const { value } of attributes.get('Name') ?? []) {
    const wanted = searchKey('Name', value)
    const others = (await objectsNamed(unit, store, value)).filter(
      (other) => other.uniqueIdentifier !== uniqueIdentifier && !isDestroyed(other.state),
    )
    if (others.some((other) => namesOf(other).includes(wanted)))
      throw new Fault('NonUniqueNameAttribute', 'another object of this instance has that Name')
  }
}

/** Those that the store knows by the name, as this unit sees them, and all that the unit has changed. */
async function objectsNamed(unit: Unit, store: Store, name: unknown): Promise<readonly ManagedObject[]> {
  const staged = unit.staged()
  const entry = indexEntry('Name', name)
  if (!entry) return staged
  const { instanceId } = unit.caller
  const records = await store.objects({ instanceId, limit: 1, index: [entry], includeDestroyed: false })
  const changed = new Set(staged.map(({ uniqueIdentifier }) => uniqueIdentifier))
  return [...staged, ...records.filter((record) => !changed.has(record.uniqueIdentifier)).map(fromRecord)]
}

function namesOf(object: ManagedObject): readonly string[] {
  return (object.attributes.get('Name') ?? []).map(({ value }) => searchKey('Name', value))
}
