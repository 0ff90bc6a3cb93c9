// Iterates over the entries of the audit log that match a query, so that the caller does not handle pages.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AuditQuery, AuditStore, StoredAuditEntry } from '../ports/audit.ts'

/** `limit`: the entries of one read. Throws StoreUnavailable. */
export async function* auditEntries(
  store: Pick<AuditStore, 'audit'>,
  query: Omit<AuditQuery, 'after'>,
): AsyncGenerator<StoredAuditEntry> {
  for (let after: string | null | undefined; after !== null;) {
    const page = await store.audit({ ...query, ...(after !== undefined && { after }) })
    yield* page.entries
    after = page.after
    // Lets the thread serve requests between two pages of a long log.
    await nextTurn()
  }
}
