// Reads the rows of an inventory a step at a time, and finds machines among them.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { folded } from '../folded.ts'
import { limits } from '../limits.ts'
import type { FoundInventoryRow, InventoryRow } from '../ports/inventory.ts'
import type { Store } from '../ports/store.ts'

/** Between two steps other requests get their turn. */
export async function* rowsOf(
  store: Pick<Store, 'inventoryRows'>,
  id: string,
  isStopped: () => boolean,
): AsyncGenerator<FoundInventoryRow> {
  let after: FoundInventoryRow | undefined
  while (!isStopped()) {
    const limit = limits.inventoryStepRows
    const rows = await store.inventoryRows({ id, limit, ...(after && { after }) })
    yield* rows
    after = rows.at(-1)
    if (rows.length < limit) return
    await nextTurn()
  }
}

/** The keys of the machines with this text in their name or id, whatever the case and the composition of letters. */
export async function keysOfMachines(
  inventories: readonly AsyncIterable<Pick<InventoryRow, 'key' | 'name' | 'machineId'>>[],
  contains: string,
): Promise<ReadonlySet<string>> {
  const part = folded(contains)
  const keys = new Set<string>()
  for (const rows of inventories)
    for await (const { key, name, machineId } of rows)
      if (folded(name).includes(part) || folded(machineId).includes(part)) keys.add(key)
  return keys
}
