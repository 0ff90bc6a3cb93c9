// Finds destroyed keys without marks by the audit log, since removed marks no longer show for which keys they were.

import { marksPage } from '../../base/bounds.ts'
import type { AuditEntry, AuditStore } from '../ports/audit.ts'
import { auditEntries } from './entries.ts'
import type { MarkStore, StoredMark } from '../ports/marks.ts'

/** How many of the newest destructions in the audit log are compared with the marks if one is missing. */
const unmarkedLookMax = 1_000

type Identified = Pick<StoredMark, 'instanceId' | 'uniqueIdentifier'>

/** Compares only the newest destructions. Throws StoreUnavailable. */
export async function unmarkedKeys(
  store: Pick<MarkStore, 'mark'> & Pick<AuditStore, 'audit'>,
): Promise<readonly Identified[]> {
  const found = new Map<string, Identified>()
  const destructions = {
    action: 'key.destroy',
    result: 'success',
    order: 'newest',
    limit: marksPage,
  } as const
  let looked = 0
  for await (const { body } of auditEntries(store, destructions)) {
    const { instanceId, object: uniqueIdentifier } = JSON.parse(body) as AuditEntry
    if (instanceId !== null && uniqueIdentifier !== null && !(await store.mark(instanceId, uniqueIdentifier)))
      found.set(JSON.stringify([instanceId, uniqueIdentifier]), { instanceId, uniqueIdentifier })
    if (++looked >= unmarkedLookMax) break
  }
  return [...found.values()]
}
