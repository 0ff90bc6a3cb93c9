// Finds destroyed keys whose marks are missing, by the audit log: the marks that somebody removed say no more which keys they were for.

import { marksPage } from '../../base/bounds.ts'
import type { AuditEntry, AuditStore } from '../ports/audit.ts'
import type { MarkStore, StoredMark } from '../ports/marks.ts'

/** Destructions in the audit log, the newest ones, that are compared with the marks if one is missing. */
const unmarkedLookMax = 1_000

type Identified = Pick<StoredMark, 'instanceId' | 'uniqueIdentifier'>

/** Looks at the newest destructions alone. Throws StoreUnavailable. */
export async function unmarkedKeys(
  store: Pick<MarkStore, 'mark'> & Pick<AuditStore, 'audit'>,
): Promise<readonly Identified[]> {
  const found = new Map<string, Identified>()
  let after: string | null | undefined
  for (let looked = 0; looked < unmarkedLookMax && after !== null; looked += marksPage) {
    const query = {
      action: 'key.destroy',
      result: 'success',
      order: 'newest',
      limit: marksPage,
    } as const
    const page = await store.audit({ ...query, ...(after !== undefined && { after }) })
    after = page.after
    for (const { body } of page.entries) {
      const { instanceId, object: uniqueIdentifier } = JSON.parse(body) as AuditEntry
      if (instanceId === null || uniqueIdentifier === null) continue
      if (await store.mark(instanceId, uniqueIdentifier)) continue
      found.set(JSON.stringify([instanceId, uniqueIdentifier]), { instanceId, uniqueIdentifier })
    }
  }
  return [...found.values()]
}
