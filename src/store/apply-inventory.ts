// Writes inventories inside the writer's transaction. Throws StoreConflict; the caller undoes the savepoint then.

import type { InventoryRecord, InventoryRow, InventoryWrite } from '../ports/inventory.ts'
import { StoreConflict } from '../ports/store.ts'
import { placeOf } from './inventory-reader.ts'
import type { writeSql } from './sql.ts'
import { number, text, type Row, type Statements } from './statements.ts'

type WriteStatements = Statements<keyof typeof writeSql>
type Of<T extends InventoryWrite['type']> = Extract<InventoryWrite, { type: T }>

export function applyInventoryWrite(s: WriteStatements, write: InventoryWrite): void {
  switch (write.type) {
    case 'inventory-begun':
      return putInventory(s, write.record)
    case 'inventory-rows':
      return addRows(s, write)
    case 'inventory-current':
      return makeCurrent(s, write)
    case 'inventory-gone':
      return void s.run('inventoryGone', write.id)
    case 'inventories-gone':
      return void s.run('inventoriesGone', write.instanceId)
    case 'inventory-cleared':
      return clear(s, write)
    default:
      return write satisfies never
  }
}

export function putInventory(s: WriteStatements, record: InventoryRecord): void {
  const { id, instanceId, vcenter, state, takenMs, importedMs, rows } = record
  s.run('addInventory', id, instanceId, vcenter, state, takenMs, importedMs, rows)
}

/** A row as a dump has it: its inventory counts it already. */
export function putInventoryRow(s: WriteStatements, id: string, row: InventoryRow): void {
  const inventory = s.get('inventory', id)
  if (!inventory) throw new Error(`a row names the inventory ${id}, which is not there`)
  s.run('addInventoryRow', number(inventory, 'number'), ...placeOf(row))
}

function addRows(s: WriteStatements, { id, rows, rowsMax }: Of<'inventory-rows'>): void {
  const inventory = open(s, id)
  const sequence = number(inventory, 'number')
  let count = number(inventory, 'rows')
  for (const row of rows) count += s.run('addInventoryRow', sequence, ...placeOf(row)).changes
  if (count > rowsMax)
    throw new StoreConflict(
      'inventory-rows',
      `the inventory would have ${count} rows, at most are ${rowsMax}`,
    )
  s.run('setInventoryRows', count, sequence)
}

function makeCurrent(s: WriteStatements, { id, importedMs }: Of<'inventory-current'>): void {
  const inventory = open(s, id)
  s.run('replaceInventory', text(inventory, 'instanceId'), text(inventory, 'vcenter'))
  s.run('inventoryIsCurrent', importedMs, number(inventory, 'number'))
}

function clear(s: WriteStatements, { id, rowsMax }: Of<'inventory-cleared'>): void {
  const inventory = s.get('inventory', id)
  if (!inventory || text(inventory, 'state') !== 'gone') return
  const sequence = number(inventory, 'number')
  const { changes } = s.run('clearInventoryRows', sequence, rowsMax)
  if (changes < rowsMax) s.run('removeInventory', sequence)
}

function open(s: WriteStatements, id: string): Row {
  const inventory = s.get('inventory', id)
  if (inventory && text(inventory, 'state') === 'open') return inventory
  throw new StoreConflict('inventory', `the inventory ${id} takes no rows any more`)
}
