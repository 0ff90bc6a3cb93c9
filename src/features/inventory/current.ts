// The inventories of an instance that count, and reads of them that are whole: another import may take the place of one at any
// moment, and the rows of the former one are removed then.

import { conflictRetriesMax } from '../../base/bounds.ts'
import type { InventoryRecord } from '../../core/ports/inventory.ts'
import type { Store } from '../../core/ports/store.ts'
import { replaced } from './refused.ts'

type RecordStore = Pick<Store, 'inventories'>

export async function currentOf(store: RecordStore, instanceId: string): Promise<readonly InventoryRecord[]> {
  return (await store.inventories(instanceId)).filter(({ state }) => state === 'current')
}

/**
 * Reads again if one of the inventories did not count any more when it was read. Null: the instance has none. Throws
 * Refusal if that goes on, or the server stops meanwhile.
 */
export async function readCurrent<T>(
  { store, isStopped }: { readonly store: RecordStore; readonly isStopped: () => boolean },
  instanceId: string,
  read: (inventories: readonly InventoryRecord[]) => Promise<T>,
): Promise<T | null> {
  for (let attempt = 1; attempt <= conflictRetriesMax; attempt++) {
    const inventories = await currentOf(store, instanceId)
    if (inventories.length === 0) return null
    const result = await read(inventories)
    if (isStopped()) break
    const now = new Set((await currentOf(store, instanceId)).map(({ id }) => id))
    if (inventories.every(({ id }) => now.has(id))) return result
  }
  throw replaced()
}
