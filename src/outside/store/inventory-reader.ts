// Reads inventories: their records, their rows page by page, and which machines use a key.

import type {
  FoundInventoryRow,
  InventoryRecord,
  InventoryRow,
  InventoryStore,
  MachineUse,
} from '../../core/ports/inventory.ts'
import { numberIn, oneOfColumn, orNull, textIn, type Row } from './row.ts'
import { all, get, type Steps } from './steps.ts'

export function* findInventoryRows({
  id,
  after,
  limit,
}: Parameters<InventoryStore['inventoryRows']>[0]): Steps<FoundInventoryRow[]> {
  const rows = yield* all('inventoryRows', id, ...inventoryPlace(after), limit)
  return rows.map((row) => ({ ...inventoryRow(row), keyState: orNull(row, 'keyState', textIn) }))
}

/** The columns that order rows. Without a row: the place before all rows, since a key has at least one character. */
export function inventoryPlace(
  row: InventoryRow | undefined,
): [string, string, string, string, string, string] {
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
    const machines = numberIn((yield* get('machinesOfKey', id, key)) ?? {}, 'count')
    const rows = machines === 0 ? [] : yield* all('firstMachinesOfKey', id, key, firstMax)
    const first = rows.map((row) => ({ kind: textIn(row, 'kind'), name: textIn(row, 'name') }))
    uses.push({ machines, first })
  }
  return uses
}

export function inventoryRecord(row: Row): InventoryRecord {
  return {
    id: textIn(row, 'id'),
    instanceId: textIn(row, 'instanceId'),
    vcenter: textIn(row, 'vcenter'),
    state: oneOfColumn(row, 'state', ['open', 'current', 'gone'] as const),
    takenMs: numberIn(row, 'takenMs'),
    importedMs: numberIn(row, 'importedMs'),
    rows: numberIn(row, 'rows'),
  }
}

export function inventoryRow(row: Row): InventoryRow {
  return {
    key: textIn(row, 'key'),
    kind: textIn(row, 'kind'),
    name: textIn(row, 'name'),
    machineId: textIn(row, 'machineId'),
    disk: textIn(row, 'disk'),
    provider: textIn(row, 'provider'),
  }
}
