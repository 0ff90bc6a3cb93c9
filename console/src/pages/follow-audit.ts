// Follows the audit log: asks for what is newer than the newest entry, and no more, since a search through the whole log would cost
// the server a second of each two.

import { useEffect } from 'preact/hooks'
import { useAsk, type Every } from '../ask.ts'
import type { Pages } from '../parts/pages.tsx'
import type { AuditEntry } from './audit-entry.tsx'
import type { AuditQuery } from './audit-export.tsx'

const followMs = 2_000
/** As many as the server gives at once. */
const newerMax = 1_000

export interface Followed {
  readonly isFollowed: boolean
  readonly instance: string | undefined
  readonly query: AuditQuery
}

/** The pages, with what came since above them. */
export function useFollowed(
  pages: Pages<AuditEntry>,
  { isFollowed, instance, query }: Followed,
): Pages<AuditEntry> {
  // Any action will do. By the place in the log, since the server's clock may be set back.
  const newest = useEntries(isFollowed, instance, { limit: 1 })
  const newerThan = newest.data && (newest.data.after ?? '0')
  const newer = useEntries(
    newerThan !== undefined,
    instance,
    { ...query, newerThan, limit: newerMax },
    { everyMs: followMs, isOwn: true },
  )
  const isGap = newer.data !== undefined && newer.data.after !== null
  useEffect(() => {
    if (isGap) newest.refresh()
  }, [isGap])
  // Only now, or what is made between the two answers is in neither.
  useEffect(() => {
    if (newest.data) pages.restart()
  }, [newest.data])
  if (!isFollowed || pages.items === undefined) return pages
  const known = new Set(pages.items.map(({ hash }) => hash))
  const entries = newer.data?.entries ?? []
  const firstKnown = entries.findIndex(({ hash }) => known.has(hash))
  // The first page may have been asked for later, so that entries behind the known ones belong to the pages behind it.
  const added = firstKnown === -1 ? entries : entries.slice(0, firstKnown)
  return {
    ...pages,
    items: [...added, ...pages.items],
    error: pages.error ?? newest.error ?? newer.error,
    retry: newest.error ? newest.again : pages.retry,
  }
}

function useEntries(isWanted: boolean, instance: string | undefined, query: AuditQuery, every?: Every) {
  const name = instance === undefined ? 'listAudit' : 'listInstanceAudit'
  const ofServer = useAsk(isWanted && name === 'listAudit' ? name : null, { query }, every)
  const input = { instance: instance ?? '', query }
  const ofInstance = useAsk(isWanted && name === 'listInstanceAudit' ? name : null, input, every)
  return name === 'listAudit' ? ofServer : ofInstance
}
