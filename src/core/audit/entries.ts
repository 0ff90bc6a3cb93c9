// The entries of the audit log that a query finds, one after the other: whoever looks for one does not handle pages.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AuditQuery, AuditStore, StoredAuditEntry } from '../ports/audit.ts'

/** `limit`: how many are read together. Throws StoreUnavailable. */
export async function* auditEntries(
  store: Pick<AuditStore, 'audit'>,
  query: Omit<AuditQuery, 'after'>,
): AsyncGenerator<StoredAuditEntry> {
  for (let after: string | null | undefined; after !== null;) {
    const page = await store.audit({ ...query, ...(after !== undefined && { after }) })
    yield* page.entries
    after = page.after
    // A long log must not delay the requests that are served meanwhile.
    await nextTurn()
  }
}
