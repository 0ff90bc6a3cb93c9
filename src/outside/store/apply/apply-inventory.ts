// Writes inventories inside the writer's transaction. After a StoreConflict the caller rolls back to the savepoint.

import type { InventoryRecord, InventoryRow, InventoryWrite } from '../../../core/ports/inventory.ts'
import { StoreConflict } from '../../../core/ports/store.ts'
import { inventoryPlace } from '../inventory-reader.ts'
import { numberIn, textIn, type Row } from '../row.ts'
import { changed, get, run, type Steps } from '../steps.ts'

type Of<T extends InventoryWrite['type']> = Extract<InventoryWrite, { type: T }>

export function* applyInventoryWrite(write: InventoryWrite): Steps<void> {
  switch (write.type) {
    case 'inventory-begun':
      return yield* putInventory(write.record)
    case 'inventory-rows':
      return yield* addRows(write)
    case 'inventory-current':
      return yield* makeCurrent(write)
    case 'inventory-gone':
      return yield* run('inventoryGone', write.id)
    case 'inventories-gone':
      return yield* run('inventoriesGone', write.instanceId)
    case 'inventory-cleared':
      return yield* clear(write)
    default:
      return write satisfies never
  }
}

export function* putInventory(record: InventoryRecord): Steps<void> {
  const { id, instanceId, vcenter, state, takenMs, importedMs, rows } = record
  yield* run('addInventory', id, instanceId, vcenter, state, takenMs, importedMs, rows)
}

/** Adds a row from a dump. The inventory's count of rows is in the dump too, and already includes this row. */
export function* putInventoryRow(id: string, row: InventoryRow): Steps<void> {
  const inventory = yield* get('inventory', id)
  if (!inventory) throw new Error(`a row names the inventory ${id}, which is not there`)
  yield* run('addInventoryRow', numberIn(inventory, 'number'), ...inventoryPlace(row))
}

function* addRows({ id, rows, rowsMax }: Of<'inventory-rows'>): Steps<void> {
  const inventory = yield* open(id)
  const sequence = numberIn(inventory, 'number')
  let count = numberIn(inventory, 'rows')
  for (const row of rows) count += yield* changed('addInventoryRow', sequence, ...inventoryPlace(row))
  if (count > rowsMax)
    throw new StoreConflict(
      'inventory-rows',
      `the inventory would have ${count} rows, at most are ${rowsMax}`,
    )
  yield* run('setInventoryRows', count, sequence)
}

function* makeCurrent({ id, importedMs }: Of<'inventory-current'>): Steps<void> {
  const inventory = yield* open(id)
  yield* run('replaceInventory', textIn(inventory, 'instanceId'), textIn(inventory, 'vcenter'))
  yield* run('inventoryIsCurrent', importedMs, numberIn(inventory, 'number'))
}

function* clear({ id, rowsMax }: Of<'inventory-cleared'>): Steps<void> {
  const inventory = yield* get('inventory', id)
  if (!inventory || textIn(inventory, 'state') !== 'gone') return
  const sequence = numberIn(inventory, 'number')
  const cleared = yield* changed('clearInventoryRows', sequence, rowsMax)
  if (cleared < rowsMax) yield* run('removeInventory', sequence)
}

function* open(id: string): Steps<Row> {
  const inventory = yield* get('inventory', id)
  if (inventory && textIn(inventory, 'state') === 'open') return inventory
  throw new StoreConflict('inventory', `the inventory ${id} takes no rows any more`)
}
