// How many trusted rows an instance has that those who belong to it alone may add to. Each change of trust, of whichever instance, signs
// the list of all rows anew, and every node reads them all. Pure.

import { limits } from '../limits.ts'
import type { RowChange } from './row-writes.ts'
import { tablesAfter, type TrustTables } from './rows.ts'

/** Whether the instance may have the rows that a change leaves it with. A change that adds none is always made. */
export function hasRoom(tables: TrustTables, change: RowChange, instanceId: string): boolean {
  const after = rowsOf(tablesAfter(tables, change), instanceId)
  return after <= limits.trustRowsPerInstanceMax || after <= rowsOf(tables, instanceId)
}

/** Clients, what they are trusted by, what was issued for them, and tokens. */
function rowsOf({ client, certificate, authority, issued, token }: TrustTables, instanceId: string): number {
  let count = 0
  for (const table of [client, certificate, authority, issued, token])
    for (const row of table.values()) if (row.instanceId === instanceId) count++
  return count
}
