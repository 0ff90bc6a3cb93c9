// Finds marks of destroyed keys that an owner can remove when accepting a database. Forged marks close their keys too, so they
// stay unless the audit log says that a key was not destroyed.

import type { KeyObject } from 'node:crypto'
import { closes } from './marks.ts'
import { auditEntries } from './entries.ts'
import { MarksWalk } from './marks-walk.ts'
import { marksPage } from '../../base/bounds.ts'
import type { AuditEntry } from '../ports/audit.ts'
import type { StoredMark } from '../ports/marks.ts'
import type { Store } from '../ports/store.ts'

type Reading = Pick<Store, 'audit' | 'marksAfter' | 'object'>

/** The numbers of forged marks that can be removed. `key`: the key that has signed marks so far. */
export async function needlessMarks(store: Reading, key: KeyObject): Promise<readonly number[]> {
  const walk = new MarksWalk(key, null)
  const needless: number[] = []
  for (let after = 0; ;) {
    const page = await store.marksAfter(after, marksPage)
    for (const mark of page)
      if (!walk.take(mark) && !(await mayBeDestroyed(store, mark))) needless.push(mark.number)
    after = page.at(-1)?.number ?? after
    if (page.length < marksPage) return needless
  }
}

async function mayBeDestroyed(store: Reading, mark: StoredMark): Promise<boolean> {
  const { instanceId, uniqueIdentifier } = mark
  if (!closes(mark)) return false
  const object = await store.object(instanceId, uniqueIdentifier)
  if (object?.sealed === null) return true
  const about = { instanceId, object: uniqueIdentifier, order: 'newest', limit: marksPage } as const
  let isKnown = false
  for await (const { body } of auditEntries(store, about)) {
    const { action, result } = JSON.parse(body) as AuditEntry
    if (result !== 'success') continue
    if (action === 'key.destroy' || action === 'key.erase') return true
    if (action === 'key.undestroy') return false
    isKnown = true
  }
  // If the log does not name the identifier, its entries may have been pruned.
  return !isKnown
}
