// Reads the rows of an inventory a step at a time, and finds machines among them.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FoundInventoryRow, InventoryRow } from '../../core/ports/inventory.ts'
import type { Store } from '../../core/ports/store.ts'

/** Rows that one step reads. */
export const inventoryStepRows = 200

/** Between two steps other requests get their turn. */
export async function* rowsOf(
  store: Pick<Store, 'inventoryRows'>,
  id: string,
  isStopped: () => boolean,
): AsyncGenerator<FoundInventoryRow> {
  let after: FoundInventoryRow | undefined
  while (!isStopped()) {
    const limit = inventoryStepRows
    const rows = await store.inventoryRows({ id, limit, ...(after && { after }) })
    yield* rows
    after = rows.at(-1)
    if (rows.length < limit) return
    await nextTurn()
  }
}

/** The keys of the machines whose name or id fits. */
export async function keysOfMachines(
  inventories: readonly AsyncIterable<Pick<InventoryRow, 'key' | 'name' | 'machineId'>>[],
  fits: (nameOrId: string) => boolean,
): Promise<ReadonlySet<string>> {
  const keys = new Set<string>()
  for (const rows of inventories)
    for await (const { key, name, machineId } of rows) if (fits(name) || fits(machineId)) keys.add(key)
  return keys
}
