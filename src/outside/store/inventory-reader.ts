// Reads inventories: their records, their rows page by page, and which machines use a key.

import type {
  FoundInventoryRow,
  InventoryRecord,
  InventoryRow,
  InventoryStore,
  MachineUse,
} from '../../core/ports/inventory.ts'
import { number, oneOf, orNull, text, type Row } from './row.ts'
import { all, get, type Steps } from './steps.ts'

export function* findInventoryRows({
  id,
  after,
  limit,
}: Parameters<InventoryStore['inventoryRows']>[0]): Steps<FoundInventoryRow[]> {
  const rows = yield* all('inventoryRows', id, ...placeOf(after), limit)
  return rows.map((row) => ({ ...inventoryRow(row), keyState: orNull(row, 'keyState', text) }))
}

/** The columns that order rows. Without a row: the place before all rows, since a key has at least one character. */
export function placeOf(row: InventoryRow | undefined): [string, string, string, string, string, string] {
  if (!row) return ['', '', '', '', '', '']
  const { key, kind, name, machineId, disk, provider } = row
  return [key, kind, name, machineId, disk, provider]
}

export function* findKeyUses({
  id,
  keys,
  firstMax,
}: Parameters<InventoryStore['keyUses']>[0]): Steps<MachineUse[]> {
  const uses: MachineUse[] = []
  for (const key of keys) {
    const machines = number((yield* get('machinesOfKey', id, key)) ?? {}, 'count')
    const rows = machines === 0 ? [] : yield* all('firstMachinesOfKey', id, key, firstMax)
    const first = rows.map((row) => ({ kind: text(row, 'kind'), name: text(row, 'name') }))
    uses.push({ machines, first })
  }
  return uses
}

export function inventoryRecord(row: Row): InventoryRecord {
  return {
    id: text(row, 'id'),
    instanceId: text(row, 'instanceId'),
    vcenter: text(row, 'vcenter'),
    state: oneOf(row, 'state', ['open', 'current', 'gone'] as const),
    takenMs: number(row, 'takenMs'),
    importedMs: number(row, 'importedMs'),
    rows: number(row, 'rows'),
  }
}

export function inventoryRow(row: Row): InventoryRow {
  return {
    key: text(row, 'key'),
    kind: text(row, 'kind'),
    name: text(row, 'name'),
    machineId: text(row, 'machineId'),
    disk: text(row, 'disk'),
    provider: text(row, 'provider'),
  }
}
