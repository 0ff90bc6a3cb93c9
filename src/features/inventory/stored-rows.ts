// The inventories as the store has them: those that count, with reads of them that are whole, their rows a step at a time, and the removal
// of the rows of those that are gone.

import { conflictRetriesMax } from '../../base/bounds.ts'
import type { Store } from '../../core/ports/store.ts'
import { replaced } from './refused.ts'
import { pause, type Turns } from '../../base/parts.ts'
import type { FoundInventoryRow, InventoryRecord, InventoryRow } from '../../core/ports/inventory.ts'
import { LeaseElsewhere, underLease, type Leases } from '../../core/ports/leases.ts'

type RecordStore = Pick<Store, 'inventories'>

export async function currentOf(store: RecordStore, instanceId: string): Promise<readonly InventoryRecord[]> {
  return (await store.inventories(instanceId)).filter(({ state }) => state === 'current')
}

/**
 * Another import may take the place of an inventory at any moment, and the rows of the former one are removed then. Reads again if one of
 * the inventories did not count any more when it was read. Null: the instance has none. Throws Refusal if that goes on, or the server
 * stops meanwhile.
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

/** Rows that one step reads. */
export const inventoryStepRows = 200

/** `turns`: those of the request that reads. */
export async function* rowsOf(
  store: Pick<Store, 'inventoryRows'>,
  id: string,
  { isStopped, turns }: { readonly isStopped: () => boolean; readonly turns: Turns },
): AsyncGenerator<FoundInventoryRow> {
  let after: FoundInventoryRow | undefined
  while (!isStopped()) {
    const limit = inventoryStepRows
    const rows = await store.inventoryRows({ id, limit, ...(after && { after }) })
    yield* rows
    after = rows.at(-1)
    if (rows.length < limit) return
    await pause(turns)
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

/** Rows that one commit removes. */
const inventorySweepRows = 2_000

export interface RemovalParts {
  readonly store: Pick<Store, 'inventories' | 'commit'>
  readonly leases: Leases
  /** Asked before each step. */
  readonly isStopped: () => boolean
}

/**
 * Removes a step at a time, so that no commit waits long behind it. Of several nodes one removes; it takes what the others left too.
 * Rejects with StoreUnavailable.
 */
export async function removeGone({ store, leases, isStopped }: RemovalParts): Promise<void> {
  const nextGone = async () => (await store.inventories()).find(({ state }) => state === 'gone')
  if (!(await nextGone())) return
  const lease = await leases.hold('inventory')
  if (!lease) return
  try {
    await underLease(lease, async () => {
      for (let gone = await nextGone(); gone && !isStopped(); gone = await nextGone()) {
        const rowsMax = inventorySweepRows
        const writes = [{ type: 'inventory-cleared', id: gone.id, rowsMax } as const]
        await store.commit({ writes, entries: [], durability: 'process' })
      }
    })
  } catch (error) {
    if (!(error instanceof LeaseElsewhere)) throw error
  } finally {
    await leases.giveBack(lease)
  }
}
