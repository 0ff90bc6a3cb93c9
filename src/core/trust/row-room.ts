// Bounds the trusted rows that the parties of one instance may add. Each change of trust, in any instance, signs the list of all
// rows again, and every node reads all rows. Pure.

import { trustRowsPerInstanceMax } from './bounds.ts'
import type { RowChange } from './row-writes.ts'
import type { TrustKind, TrustTables } from './rows.ts'

/** Clients, their certificates and CAs, certificates issued for them, and tokens. */
const counted = ['client', 'certificate', 'authority', 'issued', 'token'] as const satisfies TrustKind[]

/** Whether the instance may have the rows that it would have after the change. A change that adds none is always allowed. */
export function hasRoom(tables: TrustTables, change: RowChange, instanceId: string): boolean {
  const more = added(tables, change, instanceId)
  return more <= 0 || rowsOf(tables, instanceId) + more <= trustRowsPerInstanceMax
}

function added(tables: TrustTables, { put = [], remove = [] }: RowChange, instanceId: string): number {
  let count = 0
  for (const kind of counted) {
    // A row that is removed and put in one change stays.
    const changed = new Map<string, { readonly instanceId: string | null } | undefined>()
    for (const row of remove) if (row.kind === kind) changed.set(row.id, undefined)
    for (const row of put) if (row.kind === kind) changed.set(row.value.id, row.value)
    for (const [id, row] of changed) {
      if (row?.instanceId === instanceId) count++
      if (tables[kind].get(id)?.instanceId === instanceId) count--
    }
  }
  return count
}

function rowsOf(tables: TrustTables, instanceId: string): number {
  let count = 0
  for (const kind of counted)
    for (const row of tables[kind].values()) if (row.instanceId === instanceId) count++
  return count
}
